"""Small real images in every accepted form, for the decoder's tests."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RED, BLUE = (200, 30, 30), (30, 30, 200)


def face(width: int = 64, height: int = 96) -> Image.Image:
    """Red above, blue below: its upright position can be read off two pixels."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def colour_at(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    """The channels of one pixel of a picture that has several channels."""
    colour = image.getpixel(at)
    assert isinstance(colour, tuple)
    return colour


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *, rows: bytes = b"", before: bytes = b"", depth: int = 8, colour: int = 2
) -> bytes:
    """A PNG with any header and any compressed rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_bomb(width: int, height: int) -> bytes:
    """A valid black PNG, tiny as a file: 16 bits a channel, so that decoding it raw takes the most memory."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * 6)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(width, height, rows=rows, depth=16)


def noisy(width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """A picture with enough detail that every block has data."""
    rng = np.random.default_rng(width + height)
    waves = np.sin(np.arange(height)[:, None] / 9) * np.cos(np.arange(width)[None] / 7) * 60 + 128
    pixels = np.clip(waves[..., None] + rng.normal(0, 12, (height, width, 3)), 0, 255)
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)
