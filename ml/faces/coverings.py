"""Faces that are covered or made coarse, to measure what `face_visible` catches. Every change is made up."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from detection.faces.detector import Face

Change = Callable[[Image.Image, Face], Image.Image]
# Corners in eye distances from the middle of the eyes of the upright face; y is positive downwards.
Corners = Sequence[tuple[float, float]]
Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
DARK_GLASS: Colour = (30, 28, 30)
SURGICAL_BLUE: Colour = (150, 190, 210)
SOFT_EDGE = 0.02  # of the eye distance
GRADIENT = 12  # grey levels from the middle of the picture to its top and bottom
NOISE = 3.0  # grey levels
JPEG_QUALITY = 75


def coverings() -> Iterator[tuple[str, Change]]:
    """Each change with its name."""
    for name, change, is_saved in _changes():
        yield name, change
        if is_saved:
            yield f"{name}, as JPEG", _as_jpeg(change)


def _changes() -> Iterator[tuple[str, Change, bool]]:
    """Name, change, and whether it is also measured when saved as JPEG."""
    yield "black bar over the eyes", black_bar, True
    yield "dark glasses", dark_glasses, True
    yield "dark glasses that let 15 % through", partial(dark_glasses, opacity=0.85), False
    yield "dark glasses that let 40 % through", partial(dark_glasses, opacity=0.6), False
    yield "mask over nose and mouth", mask, True
    yield "mask in the colour of the skin", partial(mask, colour=None), False
    yield "black mask", partial(mask, colour=DARK_GLASS), True
    yield "fingers over the eyes", partial(fingers, over_mouth=False), False
    yield "fingers over the mouth", partial(fingers, over_mouth=True), False
    yield "half of the face in the colour of the skin", half, False
    yield "half of the face in black", partial(half, colour=BLACK), False
    for squares in (6, 10, 14, 20):
        yield f"mosaic of {squares} squares between the eyes", partial(mosaic, squares=squares), True
    yield "mosaic of 8 squares over the eyes only", mosaic_over_eyes, True
    yield "black and white dots (dithering)", dots, True
    yield "two levels of each colour", two_levels, True


def black_bar(image: Image.Image, face: Face) -> Image.Image:
    return _painted(image, face, _rectangle(-0.65, -0.16, 0.65, 0.16), BLACK)


def dark_glasses(image: Image.Image, face: Face, opacity: float = 1.0) -> Image.Image:
    """Two lenses and a bridge, with the noise of a camera but without reflections."""
    lenses = [_ellipse(side * 0.31, 0.03, 0.28, 0.2) for side in (-1, 1)]
    return _laid(image, face, [*lenses, _rectangle(-0.1, -0.06, 0.1, -0.02)], DARK_GLASS, opacity)


def mask(image: Image.Image, face: Face, colour: Colour | None = SURGICAL_BLUE) -> Image.Image:
    """From the bridge of the nose to below the chin; None: in the colour of the cheek."""
    y = _mouth_below_eyes(face)
    right = [(-0.68, y - 0.45), (0.0, y - 0.6), (0.68, y - 0.45)]
    lower = [(0.6, y + 0.2), (0.25, y + 0.55), (-0.25, y + 0.55), (-0.6, y + 0.2)]
    return _laid(image, face, [right + lower], colour or _skin(image, face))


def fingers(image: Image.Image, face: Face, over_mouth: bool) -> Image.Image:
    """Four bars in the colour of the skin, each a little darker than the one above."""
    top = (_mouth_below_eyes(face) if over_mouth else 0.02) - 0.3
    skin = np.array(_skin(image, face), float)
    for number in range(4):
        red, green, blue = np.clip(skin * (1.08 - 0.06 * number), 0, 255).astype(int).tolist()
        start = top + 0.16 * number
        finger = _rectangle(-0.7, start, 0.7, start + 0.15)
        image = _laid(image, face, [finger], (red, green, blue))
    return image


def half(image: Image.Image, face: Face, colour: Colour | None = None) -> Image.Image:
    """The person's right half painted over; None: in the colour of the cheek."""
    return _painted(image, face, _rectangle(-1.0, -0.9, 0.0, 1.5), colour or _skin(image, face))


def mosaic(image: Image.Image, face: Face, squares: int) -> Image.Image:
    """The picture in squares, `squares` of them between the eye corners."""
    edge = face.landmarks.eye_distance / squares
    size = max(1, round(image.width / edge)), max(1, round(image.height / edge))
    coarse = image.resize(size, Image.Resampling.BOX)
    return coarse.resize(image.size, Image.Resampling.NEAREST)


def mosaic_over_eyes(image: Image.Image, face: Face) -> Image.Image:
    where = Image.new("L", image.size)
    ImageDraw.Draw(where).polygon(_in_picture(face, _rectangle(-0.65, -0.2, 0.65, 0.2)), fill=255)
    return Image.composite(mosaic(image, face, 8), image, where)


def dots(image: Image.Image, face: Face) -> Image.Image:
    return image.convert("1").convert("RGB")


def two_levels(image: Image.Image, face: Face) -> Image.Image:
    return image.point([0 if level < 128 else 255 for level in range(256)] * 3)


def _as_jpeg(change: Change) -> Change:
    def changed(image: Image.Image, face: Face) -> Image.Image:
        buffer = io.BytesIO()
        change(image, face).save(buffer, "JPEG", quality=JPEG_QUALITY)
        return Image.open(buffer).convert("RGB")

    return changed


def _rectangle(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _ellipse(x: float, y: float, half_width: float, half_height: float) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [(x + half_width * math.cos(angle), y + half_height * math.sin(angle)) for angle in angles]


def _axes(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """The middle of the eyes, and a (2, 2) matrix that takes eye distances of the upright face to pixels."""
    right, left = (np.array(eye) for eye in (face.landmarks.right_eye_outer, face.landmarks.left_eye_outer))
    x, y = left - right
    return (right + left) / 2, np.array([[x, -y], [y, x]])


def _in_picture(face: Face, corners: Corners) -> list[tuple[float, float]]:
    middle, matrix = _axes(face)
    return [(float(x), float(y)) for x, y in middle + np.array(corners) @ matrix.T]


def _mouth_below_eyes(face: Face) -> float:
    middle, matrix = _axes(face)
    return float(np.linalg.solve(matrix, face.landmarks.mouth.mean(0) - middle)[1])


def _skin(image: Image.Image, face: Face) -> Colour:
    """The colour of a cheek."""
    ((x, y),) = _in_picture(face, [(0.3, 0.35)])
    where = min(image.width - 1, max(0, int(x))), min(image.height - 1, max(0, int(y)))
    red, green, blue = np.asarray(image)[where[1], where[0]].tolist()
    return red, green, blue


def _painted(image: Image.Image, face: Face, corners: Corners, colour: Colour) -> Image.Image:
    painted = image.copy()
    ImageDraw.Draw(painted).polygon(_in_picture(face, corners), fill=colour)
    return painted


def _laid(
    image: Image.Image, face: Face, shapes: Sequence[Corners], colour: Colour, opacity: float = 1.0
) -> Image.Image:
    """Shapes laid on a face as a camera would see them: with soft edges, a gradient of light and noise."""
    where = Image.new("L", image.size)
    for corners in shapes:
        ImageDraw.Draw(where).polygon(_in_picture(face, corners), fill=round(255 * opacity))
    soft = where.filter(ImageFilter.GaussianBlur(SOFT_EDGE * face.landmarks.eye_distance))
    share = np.asarray(soft, np.float64)[..., None] / 255
    pixels = np.asarray(image, np.float64)
    light = np.linspace(-GRADIENT, GRADIENT, image.height)[:, None, None]
    noise = np.random.default_rng(0).normal(0, NOISE, pixels.shape)
    covered = pixels * (1 - share) + (np.array(colour, float) + light + noise) * share
    return Image.fromarray(np.clip(covered, 0, 255).astype(np.uint8))
