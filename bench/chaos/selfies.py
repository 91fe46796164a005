"""Different selfies, as many as a training needs: its hold-out is drawn by pictures."""

import io

import numpy as np
from PIL import Image, ImageOps

from bench.images import SAMPLES

QUALITY = 92
WIDTH = (0.55, 0.8)  # of the portrait, as a share of the picture's


def selfies(count: int, *, side: int = 300, seed: int = 0) -> list[bytes]:
    """JPEGs of side x side pixels that pass every check: the shipped samples, each on a ground of its own colours."""
    dice, files = np.random.default_rng(seed), sorted(SAMPLES.glob("*.jpg"))
    made = []
    for number in range(count):
        with Image.open(files[number % len(files)]) as opened:
            face = opened.convert("RGB")
        if dice.random() < 0.5:
            face = ImageOps.mirror(face)
        width = int(side * dice.uniform(*WIDTH))
        face = face.resize((width, face.height * width // face.width))
        colours = Image.fromarray(dice.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        picture = colours.resize((side, side), Image.Resampling.BICUBIC)
        place = (int(dice.integers(side - width + 1)), int(dice.integers(max(1, side - face.height + 1))))
        picture.paste(face, place)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        made.append(buffer.getvalue())
    return made
