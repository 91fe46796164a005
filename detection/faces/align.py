"""The crop around a face that training and serving share, and the sampling that it and the detector use."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from detection.faces.detector import Face, Point

# The full crop, in distances between the outer eye corners: 30 % more than the head on all sides.
CROP_IN_EYE_DISTANCES = 3.2
# How far the crop's centre lies below the middle of the eyes, in eye distances: the whole head is about its middle.
CENTRE_BELOW_EYES = 0.15
# Left, top, right and bottom, in pixels.
Rectangle = tuple[int, int, int, int]
# Pixels around a place from which it is interpolated, and one for rounding.
INTERPOLATED_FROM = 3
# Two decodings of one picture differ in shape by the rounding of their sides.
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """Where a face is: outer eye corners in pixels of the upright picture of `width` times `height`.

    A later step can cut the same crop from any decoding of the same picture with it.
    Raises ValueError for corners that coincide or are no finite numbers.
    """

    right_eye: Point
    left_eye: Point
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a face frame needs a picture's size, not {self.width} x {self.height}")
        if not all(math.isfinite(value) for value in (*self.right_eye, *self.left_eye)):
            raise ValueError("the eye corners of a face frame must be finite numbers")
        if not 1.0 <= self.eye_distance <= 2 * max(self.width, self.height):
            raise ValueError(f"eye corners {self.eye_distance:.1f} pixels apart are no usable face frame")

    @property
    def eye_distance(self) -> float:
        return math.dist(self.right_eye, self.left_eye)

    @classmethod
    def of(cls, face: Face, size: tuple[int, int]) -> "FaceFrame":
        """The frame of a face that was found in a picture of that width and height."""
        marks = face.landmarks
        return cls(marks.right_eye_outer, marks.left_eye_outer, *size)

    def scaled_to(self, size: tuple[int, int]) -> "FaceFrame":
        """The same face in another decoding of the picture. Raises ValueError when its shape differs."""
        if size == (self.width, self.height):
            return self
        x, y = size[0] / self.width, size[1] / self.height
        # One pixel of rounding is a lot where the smaller picture has few.
        tolerance = ASPECT_TOLERANCE + 1 / min(*size, self.width, self.height)
        if abs(x / y - 1) > tolerance:
            raise ValueError(
                f"the face frame belongs to a picture of {self.width} x {self.height}, not {size[0]} x {size[1]}"
            )
        (rx, ry), (lx, ly) = self.right_eye, self.left_eye
        return FaceFrame((rx * x, ry * y), (lx * x, ly * y), *size)


@dataclass(frozen=True, slots=True)
class Square:
    """A square in a picture: its centre and edge in pixels, and by how much it is turned clockwise, in radians."""

    x: float
    y: float
    edge: float
    angle: float = 0.0

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) positions in 0..1 of the square to pixels of the picture."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turned = (points - 0.5) * self.edge @ np.array([[cos, sin], [-sin, cos]])
        return np.asarray(turned + np.array([self.x, self.y]))

    def from_picture(self, points: np.ndarray) -> np.ndarray:
        """The inverse of `to_picture`."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turned = (points - np.array([self.x, self.y])) @ np.array([[cos, -sin], [sin, cos]])
        return np.asarray(turned / self.edge + 0.5)


def face_square(frame: FaceFrame, extent: float = 1.0) -> Square:
    """The upright-face square that `aligned_crop` shows."""
    (rx, ry), (lx, ly) = frame.right_eye, frame.left_eye
    angle = math.atan2(ly - ry, lx - rx)
    below = CENTRE_BELOW_EYES * frame.eye_distance
    return Square(
        (rx + lx) / 2 - math.sin(angle) * below,
        (ry + ly) / 2 + math.cos(angle) * below,
        CROP_IN_EYE_DISTANCES * frame.eye_distance * extent,
        angle,
    )


def aligned_crop(
    image: Image.Image, frame: FaceFrame, side: int, *, extent: float = 1.0, needed: Rectangle | None = None
) -> np.ndarray:
    """The face, upright and at a fixed place: (side, side, 3) uint8 RGB, from the picture's own pixels.

    extent: share of the full crop's edge, about the same centre; views of equal side / extent have equal scale. A
    larger face is reduced with antialiasing, a smaller one enlarged once. Beyond the border its pixels repeat. `image`
    may be any decoding of the frame's picture. needed: see `sample`. Raises ValueError when it is another picture.
    """
    return sample(image, face_square(frame.scaled_to(image.size), extent), side, needed=needed)


def sample(
    image: Image.Image,
    square: Square,
    side: int,
    *,
    repeat_border: bool = True,
    filtering: Image.Resampling = Image.Resampling.BICUBIC,
    needed: Rectangle | None = None,
) -> np.ndarray:
    """The pixels of a square of an RGB picture: (side, side, 3) uint8, antialiased when it is reduced.

    Outside of the picture its border repeats, or all is black. filtering: BICUBIC, or BILINEAR, which is quicker.
    needed: a part of the result, not empty; to save time, what lies outside of it may be left black. Raises ValueError
    for a square wholly outside.
    """
    if square.angle == 0:
        return _sample_upright(image, square, side, repeat_border, filtering)
    scale = max(1.0, square.edge / side)
    reach = square.edge / 2 * (abs(math.cos(square.angle)) + abs(math.sin(square.angle))) + 2 * scale
    box = _box_around(image, square, reach)
    columns, rows = (max(1, round((box[i + 2] - box[i]) / scale)) for i in (0, 1))
    x_scale, y_scale = (box[2] - box[0]) / columns, (box[3] - box[1]) / rows
    start_x, start_y, end_x, end_y = needed or (0, 0, side, side)
    corners = square.to_picture(np.array([(x, y) for x in (start_x, end_x) for y in (start_y, end_y)]) / side)
    first_column, last_column = _interpolated((corners[:, 0] - box[0]) / x_scale, columns)
    first_row, last_row = _interpolated((corners[:, 1] - box[1]) / y_scale, rows)
    part = (first_column, first_row, last_column, last_row)
    small = _reduced(image, box, (columns, rows), part, filtering)
    left = max(0, math.ceil((box[0] - square.x + reach) / x_scale)) if first_column == 0 else 0
    top = max(0, math.ceil((box[1] - square.y + reach) / y_scale)) if first_row == 0 else 0
    right = max(0, math.ceil((square.x + reach - box[2]) / x_scale)) if last_column == columns else 0
    bottom = max(0, math.ceil((square.y + reach - box[3]) / y_scale)) if last_row == rows else 0
    if repeat_border and (left or top or right or bottom):
        padded = np.pad(np.asarray(small), ((top, bottom), (left, right), (0, 0)), mode="edge")
        small = Image.fromarray(padded)
    else:
        left = top = 0
    cos, sin = (f(square.angle) * square.edge / side for f in (math.cos, math.sin))
    origin = square.to_picture(np.array([[start_x, start_y]]) / side)[0]
    back = (
        cos / x_scale, -sin / x_scale, (origin[0] - box[0]) / x_scale + left - first_column,
        sin / y_scale, cos / y_scale, (origin[1] - box[1]) / y_scale + top - first_row,
    )  # fmt: skip
    size = end_x - start_x, end_y - start_y
    found = np.asarray(small.transform(size, Image.Transform.AFFINE, back, resample=filtering))
    if size == (side, side):
        return found
    return _on_black(found, side, start_x, start_y)


def _box_around(image: Image.Image, square: Square, reach: float) -> Rectangle:
    """What the picture has of a box `reach` pixels to all sides of the square's middle."""
    box = (
        max(0, math.floor(square.x - reach)),
        max(0, math.floor(square.y - reach)),
        min(image.width, math.ceil(square.x + reach)),
        min(image.height, math.ceil(square.y + reach)),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"{square} lies outside of a picture of {image.width} x {image.height}")
    return box


def _interpolated(places: np.ndarray, count: int) -> tuple[int, int]:
    """The first of `count` pixels and the one after the last, from which the values between (n,) places come."""
    first = min(max(0, math.floor(places.min()) - INTERPOLATED_FROM), count - 1)
    return first, max(first + 1, min(count, math.ceil(places.max()) + INTERPOLATED_FROM))


def _sample_upright(
    image: Image.Image, square: Square, side: int, repeat_border: bool, filtering: Image.Resampling
) -> np.ndarray:
    """`sample` of a square that is not turned: resized once."""
    scale = square.edge / side
    start_x, start_y = square.x - square.edge / 2, square.y - square.edge / 2
    # The part of the result, in its own pixels, that the picture covers.
    left, top = max(0, math.ceil(-start_x / scale)), max(0, math.ceil(-start_y / scale))
    right = min(side, math.floor((image.width - start_x) / scale))
    bottom = min(side, math.floor((image.height - start_y) / scale))
    if left >= right or top >= bottom:
        raise ValueError(f"{square} lies outside of a picture of {image.width} x {image.height}")
    # Rounding may leave an edge of the box a hair outside of the picture, which Pillow refuses.
    box = (
        max(0.0, start_x + left * scale),
        max(0.0, start_y + top * scale),
        min(image.width, start_x + right * scale),
        min(image.height, start_y + bottom * scale),
    )
    part = image.resize((right - left, bottom - top), filtering, box=box, reducing_gap=2.0)
    if (right - left, bottom - top) == (side, side):
        return np.asarray(part)
    if repeat_border:
        margins = ((top, side - bottom), (left, side - right), (0, 0))
        return np.pad(np.asarray(part), margins, mode="edge")
    return _on_black(np.asarray(part), side, left, top)


def _on_black(pixels: np.ndarray, side: int, left: int, top: int) -> np.ndarray:
    """(side, side, 3) uint8, black but for the pixels."""
    made = np.zeros((side, side, 3), np.uint8)
    made[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return made


def _reduced(
    image: Image.Image, box: Rectangle, size: tuple[int, int], part: Rectangle, filtering: Image.Resampling
) -> Image.Image:
    """A box of the picture in a size that is not larger: the part of it that is given in pixels of that size."""
    if size == (box[2] - box[0], box[3] - box[1]):
        return image.crop((box[0] + part[0], box[1] + part[1], box[0] + part[2], box[1] + part[3]))
    x_scale, y_scale = (box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]
    within = (
        box[0] + part[0] * x_scale,
        box[1] + part[1] * y_scale,
        min(box[0] + part[2] * x_scale, box[2]),
        min(box[1] + part[3] * y_scale, box[3]),
    )
    return image.resize((part[2] - part[0], part[3] - part[1]), filtering, box=within, reducing_gap=2.0)
