"""PNG: its damage, its chunks, its palette and transparency."""

import io
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFilter

from detection.decoding import (
    Damage,
    ImageRefused,
    Trailing,
    TrailingKind,
    decode,
    decode_with_facts,
    inspect,
    pixels,
)
from tests.factories import phone_files as phone
from tests.factories.image_files import colour_at, face, png, png_chunk, saved
from tests.factories.scenes import sample

PNG = saved(face(), "PNG")
WHOLE = (None, Damage.SEE_THROUGH)  # of files whose data are whole, whatever their alpha does


def rows(width: int, height: int) -> bytes:
    rng = np.random.default_rng(1)
    return b"".join(b"\0" + rng.integers(0, 255, width * 3, np.uint8).tobytes() for _ in range(height))


NOISE = zlib.compress(rows(64, 64), 1)
DAMAGED_PNG = {
    "half its rows": (png(64, 64, rows=zlib.compress(rows(64, 32))), Damage.MISSING_PIXELS),
    "cut in its rows": (png(64, 64, rows=NOISE)[: 60 + len(NOISE) // 2], Damage.ENDS_EARLY),
    "without its end": (PNG[:-12], Damage.ENDS_EARLY),
    "compressed rows overwritten": (
        png(64, 64, rows=NOISE[: len(NOISE) // 2] + bytes(100) + NOISE[len(NOISE) // 2 + 100 :]),
        Damage.CORRUPT_DATA,
    ),
    "a wrong checksum of its rows": (PNG[:-13] + bytes([PNG[-13] ^ 1]) + PNG[-12:], Damage.CORRUPT_DATA),
    "more rows than its header says": (png(64, 64, rows=zlib.compress(rows(64, 65))), Damage.CORRUPT_DATA),
    "no checksum behind its rows": (png(64, 64, rows=NOISE[:-4]), Damage.CORRUPT_DATA),
    "a wrong checksum behind its rows": (png(64, 64, rows=NOISE[:-1] + b"?"), Damage.CORRUPT_DATA),
    "compressed rows that stop": (png(64, 64, rows=NOISE[: len(NOISE) // 2]), Damage.MISSING_PIXELS),
}


def palette_png(
    *, entries: int = 4, between: bytes = b"", behind: bytes = b"", name: bytes = b"PLTE"
) -> bytes:
    """64 x 64 pixels whose palette numbers run from 0 to 3."""
    packed = zlib.compress((b"\0" + bytes([0, 1, 2, 3] * 16)) * 64)
    palette = png_chunk(name, bytes(range(10, 250, 20))[: 3 * entries]) if entries else b""
    data = png(64, 64, rows=packed, before=palette + between, colour=3)
    return data[:-12] + behind + data[-12:]


def with_wrong_checksum(chunk: bytes) -> bytes:
    return chunk[:-4] + bytes(byte ^ 0x55 for byte in chunk[-4:])


CLEAR = png_chunk(b"tRNS", bytes([255, 255, 255, 0]))
AMBIGUOUS_PNG = {
    "a wrong checksum of its transparency": palette_png(between=with_wrong_checksum(CLEAR)),
    "no palette": palette_png(entries=0),
    "a palette of another name": palette_png(name=b"PLTf"),
    "a palette that is too short": palette_png(entries=3),
    "two palettes": palette_png(between=png_chunk(b"PLTE", bytes(12))),
    "a palette behind its rows": palette_png(entries=0, behind=png_chunk(b"PLTE", bytes(12))),
    "transparency behind its rows": palette_png(behind=CLEAR),
    "an unknown critical chunk": palette_png(between=png_chunk(b"ABcD", b"1")),
    "a wrong checksum of its profile": palette_png(
        between=with_wrong_checksum(png_chunk(b"iCCP", b"profile\0\0no zlib"))
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS_PNG)
def test_a_png_that_programs_show_differently_is_damaged(name: str) -> None:
    assert inspect(AMBIGUOUS_PNG[name]).damage is Damage.CORRUPT_DATA
    assert decode_with_facts(AMBIGUOUS_PNG[name]).damage is Damage.CORRUPT_DATA


@pytest.mark.parametrize("name", DAMAGED_PNG)
def test_a_damaged_png_is_accepted_and_shows_what_is_there(name: str) -> None:
    data, damage = DAMAGED_PNG[name]
    assert inspect(data).damage is damage
    found = decode_with_facts(data)
    assert found.damage is damage
    assert found.image.crop((0, 0, 64, 8)).getcolors(1) != [(512, (0, 0, 0))]


@pytest.mark.parametrize(
    ("hidden", "kind"),
    [
        (b"PK\3\4 hidden", TrailingKind.UNKNOWN),
        (zlib.compress(rows(64, 64)), TrailingKind.UNKNOWN),
        (b"x" * 70_000, TrailingKind.UNKNOWN),
        (b"x", TrailingKind.UNKNOWN),
        (bytes(12), TrailingKind.PADDING),
    ],
)
@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("size", [(64, 64), (400, 300)])
def test_bytes_behind_the_compressed_rows_of_a_png_are_trailing(
    hidden: bytes, kind: TrailingKind, chunks: int, size: tuple[int, int]
) -> None:
    packed = zlib.compress(rows(*size), 1)
    data = png(*size, rows=packed + hidden)
    if chunks == 2:
        data = png(*size, rows=packed)[:-12] + png_chunk(b"IDAT", hidden) + png_chunk(b"IEND", b"")
    assert inspect(png(*size, rows=packed)).trailing == ()
    facts = inspect(data + b"behind")
    expected = {kind: len(hidden)}
    expected[TrailingKind.UNKNOWN] = expected.get(TrailingKind.UNKNOWN, 0) + len(b"behind")
    assert {part.kind: part.size_bytes for part in facts.trailing} == expected
    assert facts.damage is None
    found = decode_with_facts(data)
    assert found.trailing == (Trailing(kind, len(hidden)),)
    assert found.image.tobytes() == decode(png(*size, rows=packed)).tobytes()


@pytest.mark.parametrize("between", [b"", CLEAR, png_chunk(b"prIV", bytes(range(256)) * 20)])
def test_a_whole_palette_png_is_whole(between: bytes) -> None:
    facts = inspect(palette_png(between=between))
    assert (facts.damage, facts.trailing) == (None, ())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF"])
def test_a_picture_in_a_private_chunk_of_a_png_is_hidden_data(kind: str) -> None:
    hidden = b"name\0" + (phone.heic(face()) if kind == "HEIC" else saved(face(), kind))
    facts = inspect(palette_png(between=png_chunk(b"prIV", hidden)))
    assert facts.trailing == (Trailing(TrailingKind.UNKNOWN, len(hidden)),)
    registered = inspect(palette_png(between=png_chunk(b"caBX", hidden)))
    assert registered.trailing == ()


def with_alpha(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    picture = colours.convert("RGBA")
    picture.putalpha(alpha.convert("L"))
    return picture


PERSON = sample(2).resize((300, 360))
CUT_OUT = Image.new("L", PERSON.size)
CUT_OUT.paste(255, (60, 40, 240, 360))
BLACK = Image.new("RGB", PERSON.size)
SEE_THROUGH = {
    "one colour": with_alpha(BLACK, PERSON),
    "one colour and dots": with_alpha(BLACK, PERSON.convert("1")),
    "another person": with_alpha(sample(0).resize(PERSON.size), PERSON),
    "half transparent everywhere": with_alpha(PERSON, Image.new("L", PERSON.size, 128)),
}
ORDINARY_ALPHA = {
    "opaque": with_alpha(PERSON, Image.new("L", PERSON.size, 255)),
    "cut out": with_alpha(PERSON, CUT_OUT),
    "cut out with a soft edge": with_alpha(PERSON, CUT_OUT.filter(ImageFilter.GaussianBlur(3))),
    "nothing to see": with_alpha(BLACK, Image.new("L", PERSON.size)),
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIC"])
@pytest.mark.parametrize("name", SEE_THROUGH)
def test_a_picture_that_only_its_transparency_carries_is_noticed(name: str, kind: str) -> None:
    picture = SEE_THROUGH[name]
    data = phone.heic(picture) if kind == "HEIC" else saved(picture, kind)
    assert inspect(data).damage is Damage.SEE_THROUGH
    assert decode_with_facts(data).damage is Damage.SEE_THROUGH


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIC"])
@pytest.mark.parametrize("name", ORDINARY_ALPHA)
def test_a_person_cut_out_of_a_background_is_an_ordinary_picture(name: str, kind: str) -> None:
    picture = ORDINARY_ALPHA[name]
    assert inspect(phone.heic(picture) if kind == "HEIC" else saved(picture, kind)).damage is None


def keyed_png(depth: int, colour: int, samples: list[int], key: list[int]) -> bytes:
    """A PNG of 32 x 32 pixels with these samples in turn from left to right, and a transparent colour."""
    bands = {0: 1, 2: 3}[colour]
    row = [samples[at % len(samples)] for at in range(32 * bands)]
    bits = "".join(f"{sample:0{depth}b}" for sample in row)
    packed = b"\0" + int(bits, 2).to_bytes(len(bits) // 8)
    transparency = png_chunk(b"tRNS", b"".join(value.to_bytes(2) for value in key))
    return png(32, 32, rows=zlib.compress(packed * 32), before=transparency, depth=depth, colour=colour)


KEYED = {
    "grey, 16 bit": (keyed_png(16, 0, [0x1234, 0x1235], [0x1234]), [255, 0x12]),
    "grey, 8 bit": (keyed_png(8, 0, [7, 8], [7]), [255, 8]),
    "grey, 4 bit": (keyed_png(4, 0, [5, 6], [5]), [255, 6 * 17]),
    "grey, 2 bit": (keyed_png(2, 0, [1, 2], [1]), [255, 2 * 85]),
    "grey, 1 bit": (keyed_png(1, 0, [0, 1, 1], [0]), [255, 255]),
    "grey, 1 bit, white": (keyed_png(1, 0, [1, 0], [1]), [255, 0]),
    "colours, 16 bit": (keyed_png(16, 2, [9 << 8, 2, 3, 1, 2, 3], [9 << 8, 2, 3]), [255, 0]),
    "colours, 8 bit": (keyed_png(8, 2, [9, 2, 3, 8, 2, 3], [9, 2, 3]), [255, 8]),
    "a colour that does not occur": (keyed_png(8, 2, [9, 2, 3], [9, 2, 4]), [9, 9]),
    "a key that is too short": (keyed_png(8, 2, [9, 2, 3], [9]), [9, 9]),
}


@pytest.mark.parametrize("name", KEYED)
def test_the_transparent_colour_of_a_png_is_laid_on_white(name: str) -> None:
    data, reds = KEYED[name]
    image = decode(data)
    assert np.asarray(image)[3, :2, 0].tolist() == reds
    assert inspect(data).damage in WHOLE


def test_a_png_without_one_row_is_refused() -> None:
    for data in (PNG[:45], png(64, 64, rows=zlib.compress(bytes(30))), png(64, 64, rows=b"no rows")):
        with pytest.raises(ImageRefused) as refused:
            inspect(data)
        assert refused.value.status == 422


def png_with_a_bomb_behind_a_wrong_filter(size: int = 3_000_000) -> bytes:
    """Row 0 is right, row 1 has the filter type 9, and gigabytes of zeros follow in some megabytes of input."""
    packer = zlib.compressobj(9)
    first_rows = b"\0" + bytes(range(192)) + b"\x09" + bytes(192)
    packed = packer.compress(first_rows) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(bytes(20_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return png(64, 64, rows=packed + zeros * (size // len(zeros)))


def test_what_follows_the_rows_of_a_png_costs_nothing() -> None:
    data = png_with_a_bomb_behind_a_wrong_filter()
    began = time.process_time()
    pixels.check_pixels(data, "PNG", 32)
    image, found = pixels.decode_rgb(data, "PNG", None)
    assert time.process_time() - began < 1, "unpacking all of it takes many seconds"
    assert (image.size, found.damage) == ((64, 64), Damage.CORRUPT_DATA)
    assert colour_at(image, (1, 0)) == (3, 4, 5)
    assert inspect(data).damage is Damage.CORRUPT_DATA


ANCILLARY = {
    "2 MB of text": png_chunk(b"tEXt", b"Comment\0" + b"x" * 2_000_000),
    "a text bomb": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9)) * 2,
    "a wrong checksum": png_chunk(b"tEXt", b"Comment\0hello")[:-4] + b"0000",
    "broken text": png_chunk(b"zTXt", b"Comment\0\0no zlib"),
    "a broken profile": png_chunk(b"iCCP", b"profile\0\0no zlib"),
    "a profile bomb": png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(80_000_000), 9)),
    "a short palette entry": png_chunk(b"hIST", b"1"),
    "a broken time": png_chunk(b"tIME", b"1"),
    "unknown chunks": png_chunk(b"quAl", bytes(100)) * 500,
    "broken EXIF": png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "gamma of zero": png_chunk(b"gAMA", bytes(4)),
}


@pytest.mark.parametrize("name", ANCILLARY)
def test_ancillary_chunks_cost_a_png_nothing(name: str) -> None:
    pixels = zlib.compress(rows(64, 64))
    plain, odd = png(64, 64, rows=pixels), png(64, 64, rows=pixels, before=ANCILLARY[name])
    facts = inspect(odd)
    assert (facts.damage, facts.trailing) == (None, ())
    assert decode(odd).tobytes() == decode(plain).tobytes()


def test_a_text_bomb_in_a_file_costs_no_memory() -> None:
    data = png(64, 64, rows=zlib.compress(rows(64, 64)), before=ANCILLARY["a profile bomb"])
    assert len(data) < 300_000
    assert decode(data).size == (64, 64)
    assert Image.open(io.BytesIO(PNG)).size == (64, 96)
