"""A picture with its reduced copy, which the detector and several checks share: reducing a large one takes longer than
a look at it."""

import copy
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from detection.faces.align import Square, sample

# Pixels; enough for BlazeFace, which sees 192 at most.
WORK_SIDE = 640
COVER = (128, 128, 128)


class Picture:
    """An upright RGB picture, and a reduced copy from which large squares are sampled."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._reduced_by = max(1, max(image.size) // WORK_SIDE)
        self._covered: tuple[np.ndarray, ...] = ()

    @classmethod
    def of(cls, picture: "Image.Image | Picture") -> "Picture":
        """Returns a Picture unchanged, and wraps an image in one."""
        return picture if isinstance(picture, Picture) else cls(picture)

    @cached_property
    def small(self) -> Image.Image:
        """The whole picture, the longer side WORK_SIDE to twice as long; the image itself where it is smaller."""
        return self.image.reduce(self._reduced_by) if self._reduced_by > 1 else self.image

    def covering(self, outlines: Sequence[np.ndarray]) -> "Picture":
        """The same picture with polygons of (n, 2) pixels painted over; no pixel is copied."""
        made = copy.copy(self)
        made._covered = tuple(outlines)
        return made

    def pixels(self, square: Square, side: int, *, repeat_border: bool = True) -> np.ndarray:
        """(side, side, 3) uint8."""
        pixels = self._sampled(square, side, repeat_border)
        if not self._covered:
            return pixels
        painted = Image.fromarray(pixels)
        for outline in self._covered:
            corners = (square.from_picture(outline) * side).tolist()
            ImageDraw.Draw(painted).polygon([(x, y) for x, y in corners], fill=COVER)
        return np.asarray(painted)

    def _sampled(self, square: Square, side: int, repeat_border: bool) -> np.ndarray:
        image = self.image
        if self._reduced_by > 1 and square.edge / self._reduced_by >= side:
            image = self.small
            x, y = image.width / self.image.width, image.height / self.image.height
            square = Square(square.x * x, square.y * y, square.edge * (x + y) / 2, square.angle)
        bilinear = Image.Resampling.BILINEAR
        return sample(image, square, side, repeat_border=repeat_border, filtering=bilinear)
