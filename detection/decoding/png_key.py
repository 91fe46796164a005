"""The one colour that a PNG without a palette may declare transparent (PNG, third edition, 11.3.2.1)."""

import struct

from PIL import Image, ImageChops

GREY, TRUECOLOUR = 0, 2


def with_key_transparent(image: Image.Image, header: bytes, key: bytes) -> Image.Image:
    """The picture with an alpha channel where its tRNS chunk `key` names a colour; otherwise the same one.

    `header` is the content of IHDR. Pillow compares the key's 16-bit numbers with pixels that it has brought to 8 bits.
    It keeps only the high byte of 16-bit colours, so of these every colour with the key's high bytes is transparent.
    """
    depth, colour = header[8], header[9]
    if colour == GREY and len(key) >= 2:
        (value,) = struct.unpack_from(">H", key)
        return _grey_with_key(image, value & ((1 << depth) - 1), depth)
    if colour == TRUECOLOUR and len(key) >= 6:
        values = struct.unpack_from(">3H", key)
        return _colours_with_key(image, [value >> 8 if depth == 16 else value & 0xFF for value in values])
    return image


def eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey (0..65535, in mode I, I;16 or F) as 8-bit grey: its high byte."""
    return image.point(lambda value: value * (1 / 256)).convert("L")


def _grey_with_key(image: Image.Image, value: int, depth: int) -> Image.Image:
    if depth == 16:
        alpha = image.convert("I").point([255 * (level != value) for level in range(65_536)], "L")
        return Image.merge("LA", (eight_bits(image), alpha))
    grey, shown = image.convert("L"), value * 255 // ((1 << depth) - 1)
    return Image.merge("LA", (grey, grey.point([255 * (level != shown) for level in range(256)])))


def _colours_with_key(image: Image.Image, values: list[int]) -> Image.Image:
    channels = image.convert("RGB").split()
    alpha = Image.new("L", image.size)
    for channel, value in zip(channels, values, strict=True):
        differs = channel.point([255 * (level != value) for level in range(256)])
        alpha = ImageChops.lighter(alpha, differs)
    return Image.merge("RGBA", (*channels, alpha))
