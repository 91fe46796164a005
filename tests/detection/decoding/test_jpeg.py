"""JPEG: damage is noticed, odd but whole files are not called damaged."""

import io
import random
import subprocess
import sys

import pytest
from PIL import Image

from detection.decoding import Damage, ImageRefused, decode, decode_with_facts, inspect
from detection.decoding.jpeg import MARKER, MAX_SCANS, parse
from tests.factories import phone_files as phone
from tests.factories.image_files import face, noisy

NOISY = noisy()
ENCODINGS = {
    "baseline": phone.jpeg(NOISY),
    "4:4:4": phone.jpeg(NOISY, subsampling=0),
    "4:2:2": phone.jpeg(NOISY, subsampling=1),
    "optimised": phone.jpeg(NOISY, optimize=True),
    "progressive": phone.jpeg(NOISY, progressive=True),
    "restart markers": phone.jpeg(NOISY, restart_marker_rows=1),
    "restart markers by blocks": phone.jpeg(NOISY, restart_marker_blocks=3),
    "grey": phone.jpeg(NOISY.convert("L")),
    "grey progressive": phone.jpeg(NOISY.convert("L"), progressive=True),
    "CMYK": phone.jpeg(NOISY.convert("CMYK")),
    "CMYK progressive": phone.jpeg(NOISY.convert("CMYK"), progressive=True),
    "odd size": phone.jpeg(noisy(333, 241)),
    "low quality": phone.jpeg(NOISY, quality=5),
    "kept RGB": phone.jpeg(NOISY, keep_rgb=True),
    "large": phone.jpeg(noisy(1800, 1400)),
}
FLAT = {
    "flat": phone.jpeg(Image.new("RGB", (600, 600))),
    "flat progressive": phone.jpeg(Image.new("RGB", (600, 600), "white"), progressive=True),
    "flat and small": phone.jpeg(face(32, 32)),
    "two colours": phone.jpeg(face(320, 400)),
    "flat with restart markers": phone.jpeg(Image.new("RGB", (600, 600), "grey"), restart_marker_rows=1),
}


@pytest.mark.parametrize("name", ENCODINGS | FLAT)
def test_a_whole_file_is_not_damaged(name: str) -> None:
    data = (ENCODINGS | FLAT)[name]
    assert inspect(data).damage is None
    assert decode_with_facts(data).damage is None


@pytest.mark.parametrize("name", ENCODINGS | FLAT)
def test_pixels_are_those_that_pillow_decodes(name: str) -> None:
    data = (ENCODINGS | FLAT)[name]
    with Image.open(io.BytesIO(data)) as image:
        assert decode(data).tobytes() == image.convert("RGB").tobytes()


def cut(data: bytes, share: float) -> bytes:
    """The picture with the first `share` of its pixels' data, without its end."""
    scan = parse(data).scans[0]
    return data[: scan.start + int((len(data) - scan.start) * share)]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("name", ENCODINGS)
def test_a_file_that_was_cut_off_is_accepted_as_damaged(name: str, share: float) -> None:
    data = cut(ENCODINGS[name], share)
    assert inspect(data).damage in (Damage.ENDS_EARLY, Damage.CORRUPT_DATA)
    with_end = data.rstrip(b"\xff") + b"\xff\xd9"
    facts = inspect(with_end)
    assert facts.damage is not None, "an end marker was added"
    assert decode_with_facts(with_end).damage == facts.damage
    assert facts.trailing == ()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_what_is_left_of_a_flat_picture_is_damaged_too(share: float) -> None:
    for name in ("flat", "two colours"):
        assert inspect(cut(FLAT[name], share) + b"\xff\xd9").damage, name


def with_size(data: bytes, width: int, height: int) -> bytes:
    frame = next(at for at in range(len(data)) if data[at] == 0xFF and data[at + 1] in (0xC0, 0xC2))
    return data[: frame + 5] + height.to_bytes(2) + width.to_bytes(2) + data[frame + 9 :]


@pytest.mark.parametrize("name", ["baseline", "progressive", "grey", "CMYK", "restart markers"])
def test_a_header_that_promises_more_pixels_is_damage(name: str) -> None:
    data = ENCODINGS[name]
    for size in ((320, 480), (7000, 7000), (321 + 16, 240)):
        facts = inspect(with_size(data, *size))
        assert facts.damage is not None, size
        assert (facts.width, facts.height) == size


def test_a_header_that_promises_fewer_pixels_is_damage() -> None:
    for name in ("baseline", "progressive", "grey"):
        assert inspect(with_size(ENCODINGS[name], 320, 120)).damage is Damage.CORRUPT_DATA, name


def with_line_count(data: bytes, lines: int, *, in_frame: int) -> bytes:
    """The picture with a DNL segment behind its first scan (T.81, B.2.5), and another height in its frame header."""
    end = parse(data).scans[0].end
    data = data[:end] + b"\xff\xdc\0\4" + lines.to_bytes(2) + data[end:]
    return with_size(data, parse(data).width, in_frame)


@pytest.mark.parametrize(
    "name", ["baseline", "progressive", "grey", "CMYK", "restart markers", "odd size", "large"]
)
def test_a_height_behind_the_first_scan_is_the_height(name: str) -> None:
    data = ENCODINGS[name]
    lines = parse(data).height
    told_late = with_line_count(data, lines, in_frame=0)
    facts = inspect(told_late)
    assert (facts.height, facts.damage) == (lines, None)
    assert decode(told_late).tobytes() == decode(data).tobytes()
    assert inspect(with_line_count(data, lines, in_frame=lines)).damage is None
    assert inspect(with_line_count(data, lines * 2, in_frame=0)).damage is not None, "rows that are not there"
    assert inspect(with_line_count(data, lines // 2, in_frame=0)).damage is not None, (
        "rows that are not shown"
    )


@pytest.mark.parametrize("lines", [0, 120, 480])
def test_two_heights_are_damage(lines: int) -> None:
    for name in ("baseline", "progressive", "restart markers"):
        assert inspect(with_line_count(ENCODINGS[name], lines, in_frame=240)).damage is not None, name


def test_no_height_is_refused() -> None:
    with pytest.raises(ImageRefused) as refused:
        inspect(with_size(ENCODINGS["baseline"], 320, 0))
    assert refused.value.code == "bad_dimensions"
    with pytest.raises(ImageRefused) as refused:
        inspect(with_line_count(ENCODINGS["baseline"], 0xFFFF, in_frame=0))
    assert refused.value.status in (413, 422)


def test_data_that_were_overwritten_are_noticed() -> None:
    """A changed byte shifts all that follows; at the end there is too little or too much."""
    noticed = 0
    source = random.Random(3)
    for _ in range(40):
        data = bytearray(ENCODINGS["baseline"])
        for at in range(len(data) // 2, len(data) // 2 + 40):
            data[at] = source.randrange(1, 255)
        noticed += inspect(bytes(data)).damage is not None
    assert noticed >= 36


def test_a_missing_end_marker_alone_is_damage_and_shows_everything() -> None:
    data = ENCODINGS["baseline"][:-2]
    found = decode_with_facts(data)
    assert found.damage is Damage.ENDS_EARLY
    assert found.image.tobytes() == decode(ENCODINGS["baseline"]).tobytes()


def test_scans_that_are_left_out_are_damage() -> None:
    data = ENCODINGS["progressive"]
    last = parse(data).scans[-1]
    assert inspect(data[: last.start - len(last.head)] + b"\xff\xd9").damage is Damage.MISSING_PIXELS


@pytest.mark.parametrize("length", [2, 3, 30, 150])
def test_nothing_to_be_seen_is_refused(length: int) -> None:
    with pytest.raises(ImageRefused) as refused:
        inspect(ENCODINGS["baseline"][:length])
    assert refused.value.code in ("truncated_image", "unsupported_image")
    scan = parse(ENCODINGS["baseline"]).scans[0]
    for behind in (b"", b"\xff\xd9"):
        with pytest.raises(ImageRefused) as refused:
            inspect(ENCODINGS["baseline"][: scan.start + 20] + behind)
        assert refused.value.code == "truncated_image"


@pytest.mark.parametrize("zeros", [1, 2, 17])
def test_zero_bytes_between_segments_are_no_damage(zeros: int) -> None:
    data = phone.with_zeros_between_segments(ENCODINGS["baseline"], zeros)
    assert inspect(data).damage is None
    assert decode(data).tobytes() == decode(ENCODINGS["baseline"]).tobytes()


def test_zero_bytes_before_the_end_marker_are_no_damage() -> None:
    for name, data in ENCODINGS.items():
        assert inspect(data[:-2] + bytes(300) + data[-2:]).damage is None, name


def test_large_and_many_segments_cost_nothing() -> None:
    data = ENCODINGS["baseline"]
    for _ in range(300):
        data = phone.with_segment(data, 0xEB, bytes(60_000))
    facts = inspect(data)
    assert (facts.damage, facts.trailing, facts.size_bytes) == (None, (), len(data))


def test_a_flood_of_segments_is_refused() -> None:
    data = ENCODINGS["baseline"]
    with pytest.raises(ImageRefused):
        inspect(data[:2] + b"\xff\xfe\0\x02" * 1_000_000 + data[2:])


def test_too_many_scans_are_refused() -> None:
    data = ENCODINGS["progressive"]
    scan = data.rindex(b"\xff\xda")
    with pytest.raises(ImageRefused) as refused:
        inspect(data[:-2] + data[scan:-2] * MAX_SCANS + b"\xff\xd9")
    assert refused.value.code == "too_many_scans"


@pytest.mark.parametrize("size", [11, 40])
def test_data_left_over_before_the_end_marker_are_noticed(size: int) -> None:
    left_over = bytes(range(1, size + 1))
    for name, whole in ENCODINGS.items():
        assert inspect(whole[:-2] + left_over + whole[-2:]).damage is Damage.CORRUPT_DATA, name


def test_a_marker_inside_the_data_is_damage() -> None:
    data = ENCODINGS["baseline"]
    middle = MARKER.search(data, parse(data).scans[0].start + 1000)
    assert middle is not None
    at = (parse(data).scans[0].start + len(data)) // 2
    assert inspect(data[:at] + b"\xff\x37" + data[at:]).damage is not None


def test_a_reduced_picture_is_at_least_as_large_as_asked() -> None:
    data = ENCODINGS["large"]
    for side in (32, 200, 700, 1799, 1800, 5000):
        image = decode(data, max_side=side)
        assert max(image.size) == min(side, 1800)
        assert decode_with_facts(cut(data, 0.5), max_side=side).damage is Damage.ENDS_EARLY


HOSTILE_EXIF = """
import io, struct, sys
from PIL import Image
from detection import decoding
from detection.forensics import jpeg, metadata
entries = b"".join(struct.pack("<HHII", 0x9000 + i, 7, 0xFFFFFF, 0xFFFFF0) for i in range(5000))
exif = b"Exif\\0\\0II*\\0" + struct.pack("<IH", 8, 5000) + entries
out = io.BytesIO()
Image.linear_gradient("L").convert("RGB").save(out, "JPEG", exif=exif)
data = out.getvalue()
decoding.decode_with_facts(data)
metadata.read(data)
jpeg.read(data)
decoding.close()
"""


def test_thousands_of_broken_entries_write_nothing_into_the_log() -> None:
    done = subprocess.run([sys.executable, "-c", HOSTILE_EXIF], capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
