import contextlib
import io
import subprocess
import sys
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from detection.decoding import ImageRefused, decode, derivative, inspect
from detection.decoding.jpeg import MAX_SCANS
from tests.factories.image_files import BLUE, RED, colour_at, face, png, png_bomb, saved

JPEG, PNG, WEBP = (
    saved(face(), "JPEG", quality=95),
    saved(face(), "PNG"),
    saved(face(), "WEBP", lossless=True),
)


def near(found: tuple[int, ...], expected: tuple[int, ...], by: int = 25) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x0131] = "An editor"
    return tags


ACCEPTED = {
    "baseline": JPEG,
    "progressive": saved(face(), "JPEG", progressive=True),
    "greyscale": saved(face().convert("L"), "JPEG"),
    "cmyk": saved(face().convert("CMYK"), "JPEG", quality=95),
    "png": PNG,
    "png palette": saved(face().convert("P"), "PNG"),
    "png 16-bit grey": saved(Image.new("I;16", (64, 96), 0x8000), "PNG"),
    "png grey and alpha": saved(face().convert("LA"), "PNG"),
    "png alpha": saved(face().convert("RGBA"), "PNG"),
    "png one bit": saved(face().convert("1"), "PNG"),
    "webp": WEBP,
    "webp lossy": saved(face(), "WEBP", quality=90),
    "webp alpha": saved(face().convert("RGBA"), "WEBP"),
    "exif": saved(face(), "JPEG", exif=exif(1)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_accepted_form_is_inspected_and_decoded(name: str) -> None:
    facts = inspect(ACCEPTED[name])
    assert (facts.width, facts.height, facts.size_bytes) == (64, 96, len(ACCEPTED[name]))
    image = decode(ACCEPTED[name])
    assert (image.mode, image.size) == ("RGB", (64, 96))
    if not any(word in name for word in ("grey", "one bit")):
        assert near(colour_at(image, (32, 10)), RED, 60)
        assert near(colour_at(image, (32, 85)), BLUE, 60)


def test_16_bit_grey_keeps_its_brightness() -> None:
    assert near(colour_at(decode(ACCEPTED["png 16-bit grey"]), (5, 5)), (128, 128, 128), 2)


def test_transparent_parts_are_laid_on_white() -> None:
    data = saved(Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG")
    assert colour_at(decode(data), (5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    upright = face()
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL.Image.Transpose that undoes each orientation
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    data = saved(stored, "JPEG", quality=95, exif=exif(orientation))
    image = decode(data)
    assert image.size == (64, 96)
    assert near(colour_at(image, (32, 10)), RED)
    assert Image.open(io.BytesIO(derivative(data))).size == (64, 96)


def many_scans() -> bytes:
    progressive = ACCEPTED["progressive"]
    scan = progressive.rindex(b"\xff\xda")
    return progressive[:-2] + progressive[scan:-2] * MAX_SCANS + b"\xff\xd9"


def apng() -> bytes:
    return saved(face(), "PNG", save_all=True, append_images=[face().rotate(180)])


REFUSED = {
    "empty": (b"", 400, "empty_image"),
    "text": (b"hello, this is text", 415, "unsupported_image"),
    "gif": (saved(face(), "GIF"), 415, "unsupported_image"),
    "bmp": (saved(face(), "BMP"), 415, "unsupported_image"),
    "tiff": (saved(face(), "TIFF"), 415, "unsupported_image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_image"),
    "jpeg cut in the header": (JPEG[:30], 422, "truncated_image"),
    "jpeg of two bytes": (JPEG[:3], 422, "truncated_image"),
    "png cut in a chunk": (PNG[:60], 422, "truncated_image"),
    "webp cut": (WEBP[:-10], 422, "truncated_image"),
    "apng": (apng(), 422, "animated_image"),
    "animated webp": (
        saved(face(), "WEBP", save_all=True, append_images=[face().rotate(180)]),
        422,
        "animated_image",
    ),
    "many scans": (many_scans(), 422, "too_many_scans"),
    "no pixels": (png(0, 0, rows=zlib.compress(b"")), 422, "bad_dimensions"),
    "too small": (saved(face(16, 16), "PNG"), 422, "bad_dimensions"),
    "too long": (saved(face(32, 400), "PNG"), 422, "bad_dimensions"),
    "header says a gigapixel": (png(50_000, 50_000, rows=zlib.compress(b"")), 413, "too_many_pixels"),
    "66 megapixels": (png(8_200, 8_050, rows=zlib.compress(b"")), 413, "too_many_pixels"),
    "25 MB and a byte": (JPEG + bytes(25_000_001 - len(JPEG)), 413, "too_many_bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_refused_with_status_and_reason(name: str) -> None:
    data, status, code = REFUSED[name]
    with pytest.raises(ImageRefused) as refused:
        inspect(data)
    assert refused.value.status == status
    assert code is None or refused.value.code == code
    assert len(refused.value.detail) > 20


def test_a_derivative_carries_no_metadata() -> None:
    data = saved(face(), "JPEG", exif=exif(6), comment=b"secret", icc_profile=b"x" * 200, xmp=b"<x/>")
    shown = Image.open(io.BytesIO(derivative(data)))
    assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not shown.getexif()
    assert b"secret" not in derivative(data)


def test_decoding_can_reduce() -> None:
    data = saved(face(640, 960), "JPEG")
    assert decode(data, max_side=200).size == (133, 200)
    assert decode(data, max_side=5000).size == (640, 960)


@pytest.mark.slow
def test_a_bomb_of_49_megapixels_does_not_grow_the_process() -> None:
    """In a process of its own, so that its peak is the decoder's; PNG rows of 16 bits need 300 MB raw."""
    code = (
        "import resource, sys; from detection.decoding import inspect, derivative\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "data = sys.stdin.buffer.read(); inspect(data); derivative(data)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    data = png_bomb(7_000, 7_000)
    assert len(data) < 1_000_000
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 100_000_000


def test_the_decoder_imports_neither_numpy_nor_torch() -> None:
    code = "import detection.decoding, sys; print({'numpy', 'torch'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )


def only_refusals(data: bytes) -> None:
    with contextlib.suppress(ImageRefused):
        inspect(data)


STARTS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8X"]
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@fuzz
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8X"]),
    st.binary(max_size=300),
)
def test_random_bytes_are_refused_and_nothing_else_happens(start: bytes, rest: bytes) -> None:
    only_refusals(start + rest)


@fuzz
@given(st.sampled_from(list(ACCEPTED.values())), st.data())
def test_mutated_images_are_accepted_or_refused_and_nothing_else_happens(
    image: bytes, data: st.DataObject
) -> None:
    raw = bytearray(image)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    only_refusals(bytes(raw))
