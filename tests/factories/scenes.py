"""Pictures with and without faces, built from the repository's public-domain samples and drawn shapes."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))
SKIN = (190, 140, 115)


def sample(number: int) -> Image.Image:
    with Image.open(SAMPLES[number]) as image:
        return image.convert("RGB")


def wall(width: int, height: int) -> Image.Image:
    """A room: a gradient, a door frame, a lamp."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width * 0.1, height * 0.2, width * 0.3, height), outline=(60, 50, 40), width=6)
    draw.ellipse((width * 0.7, height * 0.05, width * 0.8, height * 0.12), fill=(250, 240, 200))
    return picture


def pasted(canvas: Image.Image, portrait: Image.Image, width: int, at: tuple[int, int]) -> Image.Image:
    """`portrait`, reduced or enlarged to a width, laid on a copy of the canvas."""
    made = canvas.copy()
    height = round(portrait.height * width / portrait.width)
    made.paste(portrait.resize((width, height), Image.Resampling.LANCZOS), at)
    return made


def behind(front: Image.Image, back: Image.Image, shift: int) -> Image.Image:
    """Two people: `back` moved right by `shift` pixels, and the head and shoulders of `front` before it."""
    width, height = front.size
    made = Image.new("RGB", (width + shift, height), (130, 130, 130))
    made.paste(back.resize(front.size, Image.Resampling.LANCZOS), (shift, 0))
    figure = Image.new("L", front.size, 0)
    draw = ImageDraw.Draw(figure)
    draw.ellipse((width * 0.18, height * 0.05, width * 0.82, height * 0.83), fill=255)
    draw.rectangle((0, height * 0.8, width, height), fill=255)
    made.paste(front, (0, 0), figure)
    return made


def cut_by_border(person: Image.Image, other: Image.Image, *, side: str, shown: int) -> Image.Image:
    """`person`, and `shown` pixels of `other`, of the same height, at the left or right border."""
    width, height = person.size
    other = other.resize((round(other.width * height / other.height), height), Image.Resampling.LANCZOS)
    made = Image.new("RGB", (width + shown, height))
    made.paste(person, (shown if side == "left" else 0, 0))
    made.paste(other, (shown - other.width if side == "left" else width, 0))
    return made


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8))


def landscape() -> Image.Image:
    """Sky, sun, hills and trees."""
    picture = Image.new("RGB", (800, 600), (135, 190, 230))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((600, 60, 680, 140), fill=(255, 235, 140))
    draw.polygon(
        [(0, 420), (200, 260), (420, 430), (620, 300), (800, 420), (800, 600), (0, 600)], (70, 120, 60)
    )
    for x in range(40, 800, 70):
        draw.rectangle((x, 430, x + 8, 480), fill=(80, 60, 40))
        draw.ellipse((x - 22, 380, x + 30, 440), fill=(40, 90, 40))
    return picture


def cat() -> Image.Image:
    """A drawn animal's head."""
    picture = Image.new("RGB", (500, 500), (235, 225, 200))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(140, 200), (150, 70), (230, 140)], (120, 110, 100))
    draw.polygon([(360, 200), (350, 70), (270, 140)], (120, 110, 100))
    draw.ellipse((120, 120, 380, 380), fill=(140, 130, 120))
    for x in (200, 300):
        draw.ellipse((x - 25, 210, x + 25, 250), fill=(220, 220, 90))
        draw.ellipse((x - 6, 210, x + 6, 250), fill=(0, 0, 0))
    draw.polygon([(235, 285), (265, 285), (250, 305)], (210, 120, 130))
    for end in (270, 300, 330):
        draw.line((220, 300, 90, end), fill=(40, 40, 40), width=2)
        draw.line((280, 300, 410, end), fill=(40, 40, 40), width=2)
    return picture


def smiley() -> Image.Image:
    picture = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 60, 340, 340), fill=(255, 220, 60), outline="black", width=5)
    for x in (150, 250):
        draw.ellipse((x - 15, 150, x + 15, 190), fill="black")
    draw.arc((130, 150, 270, 290), 20, 160, fill="black", width=7)
    return picture


def document() -> Image.Image:
    """A page of lines."""
    picture = Image.new("RGB", (600, 800), (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    for row in range(60, 760, 24):
        draw.line((60, row, 540 - (row * 7) % 160, row), fill=(40, 40, 40), width=5)
    return picture


def hand_over_the_lens() -> Image.Image:
    """Dark, blurred skin with some light at a corner."""
    picture = Image.new("RGB", (900, 1200), tuple(level // 4 for level in SKIN))
    draw = ImageDraw.Draw(picture)
    for x in range(0, 900, 220):
        draw.rounded_rectangle((x, -100, x + 190, 1100), 90, fill=tuple(level // 3 for level in SKIN))
    draw.ellipse((700, 950, 1000, 1300), fill=(200, 180, 160))
    return picture.filter(ImageFilter.GaussianBlur(40))


FACELESS = {
    "black": Image.new("RGB", (600, 600), "black"),
    "white": Image.new("RGB", (600, 600), "white"),
    "grey": Image.new("RGB", (640, 480), (120, 130, 140)),
    "linear gradient": Image.linear_gradient("L").convert("RGB"),
    "radial gradient": Image.radial_gradient("L").convert("RGB"),
    "smallest": Image.new("RGB", (32, 32), (10, 20, 30)),
    "narrow": Image.new("RGB", (2000, 250), (90, 80, 70)),
    "wall": wall(1200, 900),
    "noise": noise(),
    "landscape": landscape(),
    "animal": cat(),
    "smiley": smiley(),
    "document": document(),
    "hand over the lens": hand_over_the_lens(),
}
