"""Changes of a whole picture as phones and apps make them: none of them is an edit of the face."""

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

CHANGED = 0.4  # share of pictures that are changed
UNCHANGED = "unchanged"
CHANGES = ("sharpened", "brightness", "contrast", "saturation", "levels", "blurred", "bars")


def changed(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """The image after a change of the whole of it in CHANGED of draws, and its name: it is no edit of the face.

    image: (H, W, 3) uint8 RGB. Bars cover a border, so that the face stays where it is.
    """
    if rng.random() >= CHANGED:
        return image, UNCHANGED
    picture, name = Image.fromarray(image), str(rng.choice(CHANGES))
    amount = float(rng.uniform(0.7, 1.4))
    match name:
        case "sharpened":
            radius, percent = float(rng.uniform(0.6, 2)), int(rng.integers(30, 200))
            picture = picture.filter(ImageFilter.UnsharpMask(radius, percent, 0))
        case "brightness":
            picture = ImageEnhance.Brightness(picture).enhance(amount)
        case "contrast":
            picture = ImageEnhance.Contrast(picture).enhance(amount)
        case "saturation":
            picture = ImageEnhance.Color(picture).enhance(amount)
        case "levels":
            picture = ImageOps.autocontrast(picture, cutoff=float(rng.uniform(0, 2)))
        case "blurred":
            picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.8))))
        case _:
            return _with_bars(image, rng), name
    return np.asarray(picture), name


def _with_bars(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bars of one grey over up to a tenth of two opposite borders."""
    barred, axis = image.copy(), int(rng.integers(2))
    width = int(rng.integers(1, max(2, image.shape[axis] // 10)))
    grey = int(rng.choice((0, 255, int(rng.integers(256)))))
    if axis:
        barred[:, :width] = barred[:, -width:] = grey
    else:
        barred[:width] = barred[-width:] = grey
    return barred
