"""From the bytes of one picture to upright 8-bit sRGB. Runs in a decoder process only (`child.py`)."""

import warnings
from collections.abc import Callable
from dataclasses import replace

from PIL import Image

from detection.decoding import heif, jpeg, png, webp
from detection.decoding.colour import to_srgb
from detection.decoding.facts import Damage, Findings, Format, Loaded
from detection.decoding.orientation import UPRIGHT
from detection.decoding.png_key import eight_bits
from detection.decoding.reducing import reduced
from detection.decoding.transparency import depends_on_background, sampled

LOADERS: dict[Format, Callable[[bytes, int | None], Loaded]] = {
    "JPEG": jpeg.load,
    "PNG": png.load,
    "WEBP": webp.load,
    "HEIC": heif.load,
    "AVIF": heif.load,
}


def check_pixels(data: bytes, image_format: Format, max_side: int) -> Findings:
    """Decode every pixel and keep none. Raises whatever the decoder raises, or ImageRefused."""
    with _quiet():
        return _findings(LOADERS[image_format](data, max_side))


def decode_rgb(data: bytes, image_format: Format, max_side: int | None) -> tuple[Image.Image, Findings]:
    """Upright 8-bit sRGB, no side longer than `max_side`, and what was found. Raises as `check_pixels` does.

    Transparent parts are laid on white; 16-bit greyscale keeps its high byte.
    """
    with _quiet():
        loaded = LOADERS[image_format](data, max_side)
        findings = _findings(loaded)
        image = reduced(_plain(loaded.image), max_side)
        rgb = _opaque(image, loaded.profile)
    rgb.info = {}  # comments, profiles and thumbnails would travel into whatever is saved from it
    turn = UPRIGHT.get(loaded.orientation)
    return (rgb if turn is None else rgb.transpose(turn)), findings


def _quiet() -> warnings.catch_warnings:
    """Nothing that a file makes Pillow say may reach a log."""
    return warnings.catch_warnings(action="ignore")


def _findings(loaded: Loaded) -> Findings:
    found = loaded.findings
    sample = _plain(sampled(loaded.image))
    if found.damage is None and sample.mode == "RGBA" and depends_on_background(sample):
        return replace(found, damage=Damage.SEE_THROUGH)
    return found


def _plain(image: Image.Image) -> Image.Image:
    """One of L, RGB, RGBA and CMYK."""
    if image.mode.startswith(("I", "F")):
        return eight_bits(image)
    if image.mode in ("LA", "PA", "La", "RGBa", "RGBX") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _opaque(image: Image.Image, profile: bytes) -> Image.Image:
    if image.mode != "RGBA":
        return to_srgb(image, profile)
    alpha = image.getchannel("A")
    colours = to_srgb(image.convert("RGB"), profile)
    white = Image.new("RGB", image.size, "white")
    white.paste(colours, mask=alpha)
    return white
