"""An edited picture in a file like its original: nothing but pixels and times differs."""

import datetime as dt
import io

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from detection.decoding import decode, inspect, jpeg
from ml.synthesis.same_container import NotRewritable, latest_time, rewrite, shift_times
from tests.factories.phone_files import with_segment
from tests.factories.portraits import portrait

LATER = dt.timedelta(days=3, seconds=5)
TAKEN, MOVED = b"2026:11:20 23:59:58", b"2026:11:24 00:00:03"


def edited(data: bytes) -> np.ndarray:
    """The upright picture with a grey field."""
    pixels = np.asarray(decode(data)).copy()
    pixels[40:120, 50:110] = 128
    return pixels


def phone_jpeg(**options: object) -> bytes:
    """With orientation, times and a thumbnail in its EXIF, a colour profile, and a comment."""
    image, exif = portrait(0), Image.Exif()
    exif[0x0112], exif[0x0132] = 6, TAKEN.decode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    made: dict = {"quality": 83, "subsampling": "4:2:2"} | options
    image.rotate(90, expand=True).save(buffer, "JPEG", exif=exif, icc_profile=profile, **made)
    thumbnail = io.BytesIO()
    image.rotate(90, expand=True).resize((80, 64)).save(thumbnail, "JPEG", quality=90)
    return with_segment(buffer.getvalue(), 0xFE, b"a camera")


def with_thumbnail(data: bytes) -> bytes:
    small = io.BytesIO()
    portrait(0).rotate(90, expand=True).resize((80, 64)).save(small, "JPEG", quality=90)
    return with_segment(data, 0xE1, b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + small.getvalue())


def layout(data: bytes) -> list[tuple[int, int]]:
    """(marker, length) of every segment before the pixels, but lengths of tables that follow the pixels."""
    found, position = [], 2
    while data[position + 1] != jpeg.SOS:
        length = int.from_bytes(data[position + 2 : position + 4])
        found.append((data[position + 1], 0 if data[position + 1] == jpeg.DHT else length))
        position += 2 + length
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"optimize": True, "subsampling": "4:4:4"}, {"restart_marker_blocks": 4}],
)
def test_a_jpeg_keeps_tables_segments_and_orientation(options: dict) -> None:
    original = phone_jpeg(**options)
    pixels = edited(original)
    made = rewrite(original, pixels, later=LATER)
    before, after = (Image.open(io.BytesIO(data)) for data in (original, made))
    assert after.quantization == before.quantization  # type: ignore[attr-defined]
    assert after.info.keys() == before.info.keys()
    assert sorted(layout(made)) == sorted(layout(original))
    assert (original.count(TAKEN), made.count(TAKEN), made.count(MOVED)) == (1, 0, 1)
    shown = np.asarray(decode(made)).astype(int)
    assert shown.shape == pixels.shape
    assert np.abs(shown - pixels).mean() < 3
    assert inspect(made).file_facts() == inspect(original).file_facts()


def test_the_thumbnail_shows_the_edit_in_as_many_bytes() -> None:
    original = with_thumbnail(phone_jpeg())
    pixels = np.full_like(edited(original), 128)
    made = rewrite(original, pixels)
    assert layout(made)[0] == layout(original)[0]
    start = made.index(b"\xff\xd8\xff", 2)
    small = np.asarray(Image.open(io.BytesIO(made[start:])).convert("RGB"))
    assert small.shape == (64, 80, 3)
    assert np.abs(small.astype(int) - 128).max() < 3


def test_a_png_keeps_its_chunks() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Creation Time", "2026-11-20T23:59:58")
    buffer = io.BytesIO()
    portrait(1).save(buffer, "PNG", pnginfo=text, dpi=(300, 300))
    pixels = edited(buffer.getvalue())
    made = rewrite(buffer.getvalue(), pixels, later=LATER)
    after = Image.open(io.BytesIO(made))
    assert after.info["Creation Time"] == "2026-11-24T00:00:03"
    assert after.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
    assert np.array_equal(np.asarray(decode(made)), pixels)
    assert inspect(made).damage is None


def test_what_cannot_be_written_alike_is_refused() -> None:
    image = portrait(0)
    for form, converted in (("WEBP", image), ("JPEG", image.convert("L")), ("PNG", image.convert("P"))):
        buffer = io.BytesIO()
        converted.save(buffer, form)
        with pytest.raises(NotRewritable):
            rewrite(buffer.getvalue(), np.asarray(image))
    signed = with_segment(phone_jpeg(), 0xEB, b"JP\0\0jumb")
    with pytest.raises(NotRewritable, match="C2PA"):
        rewrite(signed, edited(signed))
    wide = (
        phone_jpeg().replace(b"sRGB", b"wide").replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    )
    with pytest.raises(NotRewritable, match="sRGB"):
        rewrite(wide, edited(wide))


def test_times_move_and_other_numbers_stay() -> None:
    assert shift_times(b"x" + TAKEN + b"\0 2026:11:20\0", LATER) == b"x" + MOVED + b"\0 2026:11:23\0"
    for kept in (b"2026:13:40 00:00:00", b"12026:11", b"1999:99:99 99:99:99", b""):
        assert shift_times(kept, LATER) == kept


def test_the_latest_time_of_a_file() -> None:
    found = latest_time(b"x2026:11:20 23:59:58y2026-11-21T00:00:01Z 2027:77:77 00:00:00")
    assert str(found) == "2026-11-21 00:00:01"
    assert latest_time(b"no time") is None
