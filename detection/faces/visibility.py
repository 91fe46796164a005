"""What shows that a face is covered or was made coarse: a bar, dark glasses, a mask, a mosaic, a few tones only.

The detector completes what it does not see, so a covered face is found like any other. Eyes and mouth have the finest
detail of a face: where they are smooth, something lies over them. Painted areas have equal neighbouring pixels, which
the noise of a camera hardly leaves, and a mosaic has its steps at equal distances.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageFilter

from detection.faces.align import CENTRE_BELOW_EYES, CROP_IN_EYE_DISTANCES, FaceFrame, Rectangle, aligned_crop
from detection.faces.detector import Face

# Pixels between the eye corners in the crop that is measured; smaller faces are not enlarged.
MEASURED_EYES = 100
# Of the crop: the middle, in which all parts of an upright face lie.
EXTENT = 0.75
# Of the eye distance: detail is what a blur of this deviation removes.
DETAIL_SIGMA = 0.05
# In deviations: how far Pillow's Gaussian blur, three blurs of a box, takes pixels from.
BLUR_REACH = 3.2
# Pixels between the eyes that suffice to see the squares of a mosaic.
GRID_EYES = 200
GRID_MIN = 3  # pixels; the smallest squares that are searched
GRID_REPEATS = 5  # the least number of them across the face
# Of the steps at one distance: the strongest, which are left out. A mosaic has them all; a door frame or the border of
# a window in the picture has one or two.
GRID_STRONGEST = 0.25
JPEG_BLOCK = 8  # pixels; strong compression leaves steps at this distance
STEP_MIN = 0.5  # grey levels; smaller steps are noise
TONE_RANGE = (1, 99)  # percentiles


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of an upright face, in eye distances from the middle of the eyes; y is positive downwards."""

    left: float
    top: float
    right: float
    bottom: float


EYES = Part(-0.62, -0.18, 0.62, 0.20)
RIGHT_EYE, LEFT_EYE = Part(-0.60, -0.16, -0.12, 0.16), Part(0.12, -0.16, 0.60, 0.16)
# Without lids and brows: the rim of a dark lens must lie outside.
INNER_RIGHT_EYE, INNER_LEFT_EYE = Part(-0.50, -0.08, -0.20, 0.08), Part(0.20, -0.08, 0.50, 0.08)
PART_MIN = 3  # pixels; of a part of a small face, or of one that a turned face has not in its crop


@dataclass(frozen=True)
class FaceVisibility:
    """Measures of one face in its upright RGB picture. They raise ValueError for a face wholly outside of it."""

    image: Image.Image
    face: Face
    frame: FaceFrame

    @property
    def flat_part(self) -> float:
        """Share of pixels that equal both neighbours, right and below, in the flattest part of the face; 0..1."""
        return max(_flat_share(self._cut(self._crop, part)) for part in self._flat_parts)

    @property
    def eye_detail(self) -> float:
        """Fine detail of the eye that has more of it, relative to the contrast of the face; 0 without contrast."""
        return max(self._detail(INNER_RIGHT_EYE), self._detail(INNER_LEFT_EYE))

    @property
    def mouth_detail(self) -> float:
        """Fine detail of the mouth, relative to the contrast of the face; 0 without contrast."""
        return self._detail(self._mouth)

    @property
    def mosaic(self) -> float:
        """How many times larger steps at equal distances are than those between them, in the picture's own pixels.

        About 1 to 2 for a photograph. Steps that lie JPEG_BLOCK pixels apart are ignored, and so are a few long
        straight edges.
        """
        by = max(1, round(self._own_eye_distance / GRID_EYES))
        grey = self._own_grey.reduce(by) if by > 1 else self._own_grey
        levels = np.asarray(grey, np.float32)
        steps = [np.abs(np.diff(levels, axis=axis)).mean(1 - axis) for axis in (0, 1)]
        return max(_steps_at_equal_distances(each, JPEG_BLOCK if by == 1 else 0) for each in steps)

    @property
    def tones(self) -> float:
        """Perplexity of the face's grey levels relative to their range; 1 when each is as frequent as the others."""
        counts = np.array(self._own_grey.histogram())
        low, high = (level_at(counts, percentile) for percentile in TONE_RANGE)
        shares = counts[counts > 0] / counts.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()) / (high - low + 1))

    @cached_property
    def _own_eye_distance(self) -> float:
        return self.frame.scaled_to(self.image.size).eye_distance

    @cached_property
    def _own_grey(self) -> Image.Image:
        """The face's box in the picture's own pixels, as grey levels."""
        box = self.face.box
        left, top = max(0, round(box.left)), max(0, round(box.top))
        right, bottom = min(self.image.width, round(box.right)), min(self.image.height, round(box.bottom))
        if right - left < 2 or bottom - top < 2:
            raise ValueError("the face has no pixels in the picture")
        return self.image.crop((left, top, right, bottom)).convert("L")

    @cached_property
    def _scale(self) -> float:
        """Pixels between the eye corners in the crop."""
        return min(MEASURED_EYES, self._own_eye_distance)

    @cached_property
    def _side(self) -> int:
        """Pixels of the crop's edge."""
        return max(8, round(CROP_IN_EYE_DISTANCES * EXTENT * self._scale))

    @cached_property
    def _needed(self) -> Rectangle:
        """What the parts take of the crop, and the blur around those whose detail is measured."""
        places = [self._place(part) for part in (*self._flat_parts, self._whole)]
        blurred = math.ceil(BLUR_REACH * DETAIL_SIGMA * self._scale)
        for part in (INNER_RIGHT_EYE, INNER_LEFT_EYE, self._mouth):
            left, top, right, bottom = self._place(part)
            places.append((left - blurred, top - blurred, right + blurred, bottom + blurred))
        lefts, tops, rights, bottoms = zip(*places, strict=True)
        return (
            max(0, min(lefts)),
            max(0, min(tops)),
            min(self._side, max(rights)),
            min(self._side, max(bottoms)),
        )

    @cached_property
    def _crop(self) -> np.ndarray:
        """(side, side, 3) uint8; what no part needs may be black."""
        return aligned_crop(self.image, self.frame, self._side, extent=EXTENT, needed=self._needed)

    @cached_property
    def _grey(self) -> np.ndarray:
        """(side, side) float64, the crop's grey levels."""
        return np.asarray(Image.fromarray(self._crop).convert("L"), np.float64)

    @cached_property
    def _fine(self) -> np.ndarray:
        """(side, side) float64: by how much each needed pixel departs from its surroundings."""
        left, top, right, bottom = self._needed
        grey = self._grey[top:bottom, left:right]
        blur = ImageFilter.GaussianBlur(DETAIL_SIGMA * self._scale)
        surroundings = Image.fromarray(grey.astype(np.uint8)).filter(blur)
        fine = np.zeros_like(self._grey)
        fine[top:bottom, left:right] = np.abs(grey - np.asarray(surroundings, np.float64))
        return fine

    @cached_property
    def _contrast(self) -> float:
        return float(self._cut(self._grey, self._whole).std())

    @cached_property
    def _middle_of_mouth(self) -> tuple[float, float]:
        """In eye distances from the middle of the eyes of the upright face."""
        marks = self.face.landmarks
        (rx, ry), (lx, ly) = marks.right_eye_outer, marks.left_eye_outer
        angle = math.atan2(ly - ry, lx - rx)
        x, y = marks.mouth.mean(0) - np.array([(rx + lx) / 2, (ry + ly) / 2])
        cos, sin = math.cos(angle), math.sin(angle)
        return float(x * cos + y * sin) / marks.eye_distance, float(y * cos - x * sin) / marks.eye_distance

    @cached_property
    def _mouth(self) -> Part:
        x, y = self._middle_of_mouth
        return Part(x - 0.3, y - 0.18, x + 0.3, y + 0.18)

    @cached_property
    def _whole(self) -> Part:
        _, mouth = self._middle_of_mouth
        return Part(-0.6, -0.35, 0.6, mouth + 0.35)

    @cached_property
    def _flat_parts(self) -> Sequence[Part]:
        _, mouth = self._middle_of_mouth
        lower = Part(-0.5, mouth - 0.45, 0.5, mouth + 0.35)
        right, left = Part(-0.6, -0.4, -0.05, mouth + 0.3), Part(0.05, -0.4, 0.6, mouth + 0.3)
        return EYES, RIGHT_EYE, LEFT_EYE, self._mouth, lower, right, left

    def _detail(self, part: Part) -> float:
        return float(self._cut(self._fine, part).mean()) / self._contrast if self._contrast > 0 else 0.0

    def _cut(self, pixels: np.ndarray, part: Part) -> np.ndarray:
        left, top, right, bottom = self._place(part)
        return pixels[top:bottom, left:right]

    def _place(self, part: Part) -> Rectangle:
        """A part of the crop in pixels, at least PART_MIN in each direction; beyond its border the nearest."""
        middle, side = self._side / 2, self._side
        x, y = middle, middle - CENTRE_BELOW_EYES * self._scale
        left, top = (
            min(max(0, round(start)), side - PART_MIN)
            for start in (x + part.left * self._scale, y + part.top * self._scale)
        )
        right, bottom = round(x + part.right * self._scale), round(y + part.bottom * self._scale)
        return left, top, max(right, left + PART_MIN), max(bottom, top + PART_MIN)


def level_at(counts: np.ndarray, percentile: float) -> float:
    """The percentile of grey levels from how often each of them occurs; the same as of the single pixels."""
    upto = counts.cumsum()
    place = percentile / 100 * (int(upto[-1]) - 1)
    below, above = np.searchsorted(upto, [math.floor(place), math.ceil(place)], side="right")
    return float(below + (above - below) * (place - math.floor(place)))


def _flat_share(pixels: np.ndarray) -> float:
    """Share of (rows, columns, 3) uint8 that equal their right and their lower neighbour."""
    here = pixels[:-1, :-1]
    equal = (pixels[1:, :-1] == here) & (pixels[:-1, 1:] == here)
    return float((equal[..., 0] & equal[..., 1] & equal[..., 2]).mean())


def _steps_at_equal_distances(steps: np.ndarray, ignored: int) -> float:
    """The largest mean of every n-th step relative to the mean of the others, over all n; 0 for too few steps.

    Each mean leaves the strongest quarter of its steps out, so that single straight edges make no mosaic.
    steps: (n,) grey levels between neighbouring rows or columns; ignored: a distance that is left out.
    """
    best = 0.0
    for distance in range(GRID_MIN, len(steps) // GRID_REPEATS + 1):
        if distance == ignored:
            continue
        repeats = len(steps) // distance
        lines = np.sort(steps[: repeats * distance].reshape(repeats, distance), axis=0)
        kept = repeats - math.ceil(GRID_STRONGEST * repeats)
        means = lines[:kept].sum(0) / kept
        strongest = float(means.max())
        others = (float(means.sum()) - strongest) / (distance - 1)
        best = max(best, strongest / (others + STEP_MIN))
    return best
