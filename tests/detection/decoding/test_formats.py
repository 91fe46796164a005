"""WebP, HEIC and AVIF: their damage, their metadata, their modes; what all formats share."""

import random
import struct
import time

import numpy as np
import pytest
from PIL import Image

from detection.decoding import (
    Damage,
    ImageRefused,
    decode,
    heif_items,
    inspect,
)
from detection.decoding.boxes import boxes
from detection.decoding.runs import has_long_run
from tests.factories import phone_files as phone
from tests.factories.image_files import BLUE, RED, colour_at, face, png_chunk, saved
from tests.factories.scenes import sample

WHOLE = (None, Damage.SEE_THROUGH)  # of files whose data are whole, whatever their alpha does


def test_webp_whose_last_chunks_are_cut_keeps_its_picture() -> None:
    tags = Image.Exif()
    tags[0x010E] = "x" * 500
    data = saved(face(), "WEBP", lossless=True, exif=tags)
    facts = inspect(data[:-100])
    assert (facts.damage, facts.width) == (Damage.ENDS_EARLY, 64)


def test_webp_that_promises_more_pixels_is_damaged() -> None:
    data = bytearray(saved(face().convert("RGBA"), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"))
    assert data[12:16] == b"VP8X"
    data[24:27] = (6999).to_bytes(3, "little")
    facts = inspect(bytes(data))
    assert (facts.damage, facts.width, facts.height) == (Damage.MISSING_PIXELS, 64, 96)


def test_of_several_heic_pictures_the_primary_one_counts() -> None:
    white, picture = Image.new("RGB", (120, 80), "white"), face()
    data = phone.heic(white, picture, white.resize((64, 64)), primary_index=1)
    facts, image = inspect(data), decode(data)
    assert (facts.format, facts.width, facts.height, image.size) == ("HEIC", 64, 96, (64, 96))
    assert np.allclose(colour_at(image, (32, 10)), RED, atol=6)
    assert np.allclose(colour_at(image, (32, 85)), BLUE, atol=6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "WEBP", "PNG"])
def test_every_format_is_turned_upright(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    upright = face()
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    tags = Image.Exif()
    tags[0x0112] = orientation
    if kind == "HEIC":
        data = phone.heic(stored, exif=tags.tobytes())  # becomes a rotation box
    else:
        data = saved(stored, kind, exif=tags.tobytes(), **({} if kind == "PNG" else {"quality": 90}))
    image = decode(data)
    assert image.size == (64, 96)
    assert np.allclose(colour_at(image, (32, 10)), RED, atol=25)


def test_heic_of_ten_bits_keeps_its_brightness() -> None:
    image = decode(phone.heic_10_bit(64, 96, (0xC800, 0x6400, 0x3200)))
    assert np.allclose(colour_at(image, (30, 30)), (200, 100, 50), atol=5)


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_modes_of_heic_and_avif(kind: str, mode: str) -> None:
    picture = face().convert(mode)
    data = phone.heic(picture) if kind == "HEIC" else saved(picture, "AVIF", quality=90)
    assert np.allclose(colour_at(decode(data), (32, 10)), colour_at(picture.convert("RGB"), (32, 10)), atol=6)


def test_transparent_heic_is_laid_on_white() -> None:
    assert colour_at(decode(phone.heic(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))), (9, 9)) == (255, 255, 255)


@pytest.mark.parametrize(
    "data", [phone.heic(face(320, 400)), saved(face(320, 400), "AVIF")], ids=["HEIC", "AVIF"]
)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_heic_and_avif_cut_off_are_refused(data: bytes, share: float) -> None:
    with pytest.raises(ImageRefused) as refused:
        inspect(data[: int(len(data) * share)])
    assert refused.value.status in (415, 422)


def test_a_heic_that_promises_another_size_is_refused() -> None:
    data = phone.heic(face())
    at = data.index(b"ispe") + 8
    for size in ((128, 96), (6000, 6000)):
        with pytest.raises(ImageRefused):
            inspect(data[:at] + struct.pack(">II", *size) + data[at + 8 :])
    with pytest.raises(ImageRefused) as refused:
        inspect(data[:at] + struct.pack(">II", 60_000, 60_000) + data[at + 8 :])
    assert refused.value.code == "too_many_pixels"


@pytest.mark.parametrize("brand", [b"mp42", b"isom", b"qt  "])
def test_a_video_is_named_as_one(brand: bytes) -> None:
    with pytest.raises(ImageRefused) as refused:
        inspect(phone.box(b"ftyp", brand + bytes(8)) + phone.box(b"moov", bytes(100)))
    assert refused.value.code == "unsupported_image"
    assert "video" in refused.value.detail


def test_animations_are_refused() -> None:
    frames = {"save_all": True, "append_images": [face().rotate(180)]}
    for kind in ("PNG", "WEBP", "AVIF"):
        with pytest.raises(ImageRefused) as refused:
            inspect(saved(face(), kind, **frames))
        assert refused.value.code == "animated_image", kind


EXIF_LIES = {
    "loop": b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08",
    "directory outside": b"II*\0\xff\xff\xff\x7f",
    "many entries": b"MM\0*\0\0\0\x08\xff\xff" + b"\x01\x0e\0\x02\xff\xff\xff\xff\xff\xff\xff\xff" * 5000,
    "orientation 99": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
    "orientation as text": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04six\0\0\0\0\0",
    "no TIFF": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("name", EXIF_LIES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF"])
def test_exif_that_lies_costs_nothing_and_says_nothing(
    name: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    tiff, picture = EXIF_LIES[name], face()
    if kind == "JPEG":
        data = phone.with_segment(phone.jpeg(picture), 0xE1, b"Exif\0\0" + tiff)
    elif kind == "PNG":
        whole = saved(picture, "PNG")
        header, rest = whole[:33], whole[33:]
        data = header + png_chunk(b"eXIf", tiff) + rest
    elif kind == "WEBP":
        plain = saved(picture, "WEBP", exif=b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0" + bytes(len(tiff)))
        data = plain.replace(
            b"MM\0*\0\0\0\x08\0\0" + bytes(len(tiff)), (tiff + bytes(10 + len(tiff)))[: 10 + len(tiff)]
        )
    else:
        held = (
            saved(picture, "AVIF", exif=_room(tiff))
            if kind == "AVIF"
            else phone.heic(picture, exif=_room(tiff))
        )
        room = _room(tiff).removeprefix(b"Exif\0\0")
        assert room in held
        data = held.replace(room, (tiff + bytes(len(room)))[: len(room)])
    assert inspect(data).damage is None
    assert decode(data).size == (64, 96)
    assert capfd.readouterr().err == ""


def _room(tiff: bytes) -> bytes:
    """Valid EXIF, long enough to be overwritten with `tiff`."""
    tags = Image.Exif()
    tags[0x010E] = "x" * (len(tiff) + 40)
    return tags.tobytes()


def detailed(width: int = 480, height: int = 360) -> Image.Image:
    """Enough detail that the compressed picture has some ten thousand bytes."""
    return Image.effect_noise((width, height), 40).convert("RGB")


def payload_overwritten(data: bytes, first: float, last: float, byte: bytes) -> bytes:
    """The file with a part of its compressed picture, by shares of it, set to one byte."""
    start = data.index(b"VP8 " if data.startswith(b"RIFF") else b"mdat") + 20
    begin, end = (start + int((len(data) - start) * share) for share in (first, last))
    return data[:begin] + byte * (end - begin) + data[end:]


def answer_to(data: bytes) -> Damage | int | None:
    """The damage, or the status of the refusal."""
    try:
        return inspect(data).damage
    except ImageRefused as refused:
        return refused.status


CODED = {
    "HEIC": phone.heic(detailed()),
    "AVIF": saved(detailed(), "AVIF"),
    "WEBP": saved(detailed(), "WEBP"),
}


@pytest.mark.parametrize("byte", [b"\0", b"\x55", b"\xff"])
@pytest.mark.parametrize("places", [(0.7, 1), (0.5, 0.55), (0.98, 1)])
@pytest.mark.parametrize("kind", CODED)
def test_an_overwritten_part_of_a_picture_is_damage(
    kind: str, places: tuple[float, float], byte: bytes
) -> None:
    assert inspect(CODED[kind]).damage is None
    assert answer_to(payload_overwritten(CODED[kind], *places, byte)) in (Damage.CORRUPT_DATA, 422)


def see_through(width: int = 480, height: int = 360) -> Image.Image:
    image = detailed(width, height)
    image.putalpha(portrait(width, height).convert("L"))
    return image


def portrait(width: int = 480, height: int = 520) -> Image.Image:
    return sample(5).resize((width, height))


WEBP_STREAMS = {
    "lossy": (CODED["WEBP"], b"VP8 ", 50),
    "lossy, best": (saved(detailed(), "WEBP", quality=95), b"VP8 ", 50),
    "pixels of a picture with alpha": (saved(see_through(), "WEBP"), b"VP8 ", 49),
    "lossless": (saved(portrait(), "WEBP", lossless=True), b"VP8L", 20),
    "alpha": (saved(see_through(), "WEBP"), b"ALPH", 20),
}


@pytest.mark.parametrize("name", WEBP_STREAMS)
def test_webp_data_that_were_overwritten_are_noticed(name: str) -> None:
    """64 bytes: lossy data nearly always, for arithmetic coding does not find its step again; others often."""
    data, kind, least = WEBP_STREAMS[name]
    assert inspect(data).damage in WHOLE
    at = data.index(kind)
    begin, end = at + 40, at + 8 + int.from_bytes(data[at + 4 : at + 8], "little") - 200
    source, noticed = random.Random(4), 0
    for _ in range(50):
        place = source.randrange(begin, end)
        noticed += answer_to(data[:place] + source.randbytes(64) + data[place + 64 :]) is not None
    assert noticed >= least


@pytest.mark.parametrize("name", WEBP_STREAMS)
def test_bytes_behind_the_pixels_inside_a_webp_chunk_are_damage(name: str) -> None:
    data, kind, _ = WEBP_STREAMS[name]
    at = data.index(kind)
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    end = at + 8 + size
    longer = (
        data[: at + 4]
        + (size + 16).to_bytes(4, "little")
        + data[at + 8 : end]
        + b"hidden"
        + bytes(10)
        + data[end:]
    )
    assert (
        inspect(longer[:4] + (len(longer) - 8).to_bytes(4, "little") + longer[8:]).damage
        is Damage.CORRUPT_DATA
    )


@pytest.mark.parametrize("size", [(33, 47), (200, 100), (801, 613)])
@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"lossless": True, "method": 0, "quality": 0}])
def test_whole_webp_pictures_have_nothing_left_over(size: tuple[int, int], options: dict[str, int]) -> None:
    gradient = Image.linear_gradient("L").resize(size)
    for picture in (
        face(*size),
        Image.new("RGB", size, "grey"),
        detailed(*size),
        gradient.convert("RGB"),
        Image.merge("RGBA", (*face(*size).split(), gradient)),
        see_through(*size),
    ):
        for alpha_quality in (100, 30):
            assert inspect(saved(picture, "WEBP", alpha_quality=alpha_quality, **options)).damage in WHOLE


def half_noise(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    image.paste(detailed(width, height // 4), (0, height // 2))
    return image


PLAIN = {
    "black": Image.new("RGB", (1000, 1000)),
    "white": Image.new("RGB", (1000, 1000), "white"),
    "grey": Image.new("L", (333, 251), 99),
    "two colours": face(1000, 1400),
    "half noise": half_noise(600, 800),
    "noise": detailed(),
    "stripes": Image.fromarray((np.indices((400, 600))[1] // 4 % 2 * 255).astype(np.uint8)).convert("RGB"),
    "transparent": Image.new("RGBA", (500, 500), (9, 9, 9, 0)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_pictures_are_whole_in_every_format(name: str) -> None:
    picture = PLAIN[name]
    for data in (
        phone.heic(picture),
        saved(picture, "AVIF", speed=9),
        saved(picture, "AVIF", speed=9, quality=5),
        saved(picture, "WEBP"),
        saved(picture, "WEBP", quality=100, method=6),
        saved(picture, "WEBP", lossless=True, quality=0, method=0),
    ):
        assert inspect(data).damage is None


@pytest.mark.slow
def test_the_runs_of_large_flat_pictures_are_no_damage() -> None:
    assert inspect(saved(Image.new("RGB", (4000, 4000)), "WEBP", quality=80)).damage is None
    assert inspect(phone.heic(Image.new("RGB", (4000, 4000)))).damage is None


def test_metadata_with_long_runs_are_no_damage_of_a_heic() -> None:
    tags = Image.Exif()
    tags[0x010E] = "x" * 3000
    assert inspect(phone.heic(detailed(), exif=tags.tobytes())).damage is None


@pytest.mark.parametrize("longest", [64, 65, 1000])
def test_runs_are_found_wherever_they_begin(longest: int) -> None:
    other = bytes(range(1, 256)) * 12
    for at in (0, 1, 31, 32, 777, len(other)):
        for size, is_long in ((longest, False), (longest + 1, True)):
            data = other[:at] + bytes(size) + other[at:]
            assert has_long_run(data, 0, len(data), longest) is is_long
    assert not has_long_run(bytes(5000), 100, 100 + longest, longest)


def test_places_of_items_that_take_no_room_cost_no_time() -> None:
    """An `iloc` box whose numbers have no width could list 65,535 extents in six bytes."""
    items = struct.pack(">HHH", 1, 0, 0xFFFF) * 10_000
    iloc = phone.box(b"iloc", bytes(4) + b"\0\0" + struct.pack(">H", 10_000) + items)
    began = time.process_time()
    with pytest.raises(struct.error):
        heif_items.last_extent_end(iloc, next(boxes(iloc, 0, len(iloc))))
    assert time.process_time() - began < 1
