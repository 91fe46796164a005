import io
import struct

import pytest
from PIL import Image

from detection.forensics import metadata
from tests.factories.photographs import photograph, saved


def with_thumbnail(picture: Image.Image, preview: Image.Image) -> bytes:
    """A JPEG whose EXIF block carries a preview in its second directory, as cameras write it."""
    small = io.BytesIO()
    preview.save(small, "JPEG")
    thumb = small.getvalue()
    first = struct.pack("<H", 0) + struct.pack("<I", 14)
    entries = struct.pack("<HHII", 0x0201, 4, 1, 14 + 2 + 24 + 4) + struct.pack(
        "<HHII", 0x0202, 4, 1, len(thumb)
    )
    block = (
        b"II*\0"
        + struct.pack("<I", 8)
        + first
        + struct.pack("<H", 2)
        + entries
        + struct.pack("<I", 0)
        + thumb
    )
    return saved(picture, 92, exif=b"Exif\0\0" + block)


def test_a_file_without_metadata_says_nothing_and_accuses_nobody() -> None:
    found = metadata.read(saved(photograph(), 90))
    assert (found.has_exif, found.editor, found.generator, found.thumbnail) == (False, "", "", "none")


def test_editing_software_is_recognised_and_a_camera_is_not() -> None:
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.1 (Macintosh)"
    exif[0x010F], exif[0x0110] = "Apple", "iPhone 15"
    found = metadata.read(saved(photograph(), 90, exif=exif))
    assert (found.editor, found.camera) == ("Photoshop", "Apple iPhone 15")
    exif[0x0131] = "17.1.2"
    assert metadata.read(saved(photograph(), 90, exif=exif)).editor == ""


def test_a_tool_named_only_in_xmp_is_found() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:CreatorTool="GIMP 2.10"/></x:xmpmeta>'
    assert metadata.read(saved(photograph(), 90, xmp=xmp)).editor == "GIMP"


def test_a_generators_parameters_in_a_png_are_found() -> None:
    from PIL.PngImagePlugin import PngInfo

    text, buffer = PngInfo(), io.BytesIO()
    text.add_text("parameters", "a face. Steps: 20, Sampler: Euler a")
    photograph().save(buffer, "PNG", pnginfo=text)
    assert metadata.read(buffer.getvalue()).generator == "stable diffusion"


def test_a_preview_of_the_same_picture_matches_even_with_bars() -> None:
    picture = photograph().crop((0, 0, 320, 214))
    barred = Image.new("RGB", (160, 120))
    barred.paste(picture.resize((160, 107)), (0, 6))
    assert metadata.read(with_thumbnail(picture, barred)).thumbnail == "matches"


def test_a_preview_of_another_picture_differs() -> None:
    assert (
        metadata.read(with_thumbnail(photograph(), photograph(1).resize((160, 160)))).thumbnail == "differs"
    )


def test_a_preview_that_is_no_picture_is_unreadable() -> None:
    data = with_thumbnail(photograph(), photograph().resize((160, 160)))
    inner = data.index(b"\xff\xd8\xff", 20)
    assert metadata.read(data[:inner] + b"\0\0\0" + data[inner + 3 :]).thumbnail == "unreadable"


@pytest.mark.parametrize("cut", range(8, 60, 4))
def test_broken_exif_costs_nothing_else(cut: int) -> None:
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.1"
    raw = exif.tobytes()[:cut]
    assert metadata.read(saved(photograph(), 90, exif=raw)).thumbnail == "none"


def test_text_from_a_file_is_short_and_printable() -> None:
    exif = Image.Exif()
    exif[0x0131] = "gimp\x1b[31m" + "x" * 500
    (name,) = metadata.read(saved(photograph(), 90, exif=exif)).software
    assert len(name) <= 120
    assert name.isprintable()
