"""Which format the bytes are, whatever the file is called, and where its first picture ends."""

from dataclasses import replace

from detection.decoding import heif, jpeg, png, png_chunks, trailing, webp
from detection.decoding.facts import Container, Format, ImageRefused

OTHERS = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "XML or SVG",
    b"PK\x03\x04": "a ZIP archive",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
}
ACCEPTED = "JPEG, PNG, WebP, HEIC or AVIF"
WALKERS = {"JPEG": jpeg.walk, "PNG": png.walk, "WEBP": webp.walk, "HEIC": heif.walk, "AVIF": heif.walk}


def format_of(data: bytes) -> Format | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(png_chunks.SIGNATURE):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return heif.format_of(data) if data[4:8] == b"ftyp" else None


def walk(data: bytes) -> Container:
    """Recognise the format, find the picture's own end and name what follows it. Raises ImageRefused."""
    found = format_of(data)
    if found is None:
        name = next((name for magic, name in OTHERS.items() if data.lstrip()[:12].startswith(magic)), None)
        if data[4:8] == b"ftyp":
            name = "a video"
        is_named = f"This is {name}" if name else "This is not an image that we know"
        raise ImageRefused("unsupported_image", 415, f"{is_named}. Send {ACCEPTED}.")
    container = WALKERS[found](data)
    return replace(container, trailing=container.trailing + trailing.identify(data, container.end, found))
