"""What the checks measure. Pixels of a face are measured in its aligned crop at one scale, so that a larger picture of
the same quality gives the same values."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageFilter

from detection.faces.align import CROP_IN_EYE_DISTANCES, FaceFrame, aligned_crop
from detection.faces.detector import Face
from detection.faces.picture import Picture

CONTENT_SIDE = 64
CONTENT_SIGMA = 4
# Pixels between the eye corners in the crop that is measured; small, because small faces have no more.
MEASURED_EYES = 40
# Of the crop: the middle in which an upright face lies.
FACE_EXTENT = 0.55
FINE_SIGMA, COARSE_SIGMA = 1.0, 4.0
LIGHT_PERCENTILE = 75
WASHED_OUT_FROM = 250


def content(picture: Picture) -> float:
    """Grey levels by which a quarter of the picture departs from its own blurred surroundings; 0 for a flat picture.

    Steady gradients of any form stay near 0, because a blur does not change them.
    """
    small = picture.small.convert("L").resize((CONTENT_SIDE, CONTENT_SIDE), Image.Resampling.BOX)
    surroundings = small.filter(ImageFilter.GaussianBlur(CONTENT_SIGMA))
    detail = np.abs(np.asarray(small, np.float64) - np.asarray(surroundings, np.float64))
    edge = 2 * CONTENT_SIGMA  # there the blur lacks pixels
    return float(np.percentile(detail[edge:-edge, edge:-edge], 75))


def inside(face: Face, size: tuple[int, int]) -> float:
    """Share of the face's outline that lies in a picture of that width and height, 0..1."""
    outline = face.landmarks.outline
    within = (outline >= 0) & (outline <= np.array(size))
    return float(within.all(1).mean())


def picture_light(picture: Picture) -> float:
    """The grey level below which three quarters of the whole picture lie, where there is no face to measure."""
    grey = np.asarray(picture.small.convert("L").resize((CONTENT_SIDE, CONTENT_SIDE), Image.Resampling.BOX))
    return float(np.percentile(grey, LIGHT_PERCENTILE))


@dataclass(frozen=True)
class FacePixels:
    """The grey levels of a face at the scale at which faces are measured."""

    image: Image.Image
    frame: FaceFrame

    @cached_property
    def grey(self) -> np.ndarray:
        """(side, side) float64, 0..255; smaller for a small face, which is not enlarged."""
        eyes = min(MEASURED_EYES, self.frame.scaled_to(self.image.size).eye_distance)
        side = max(8, round(CROP_IN_EYE_DISTANCES * FACE_EXTENT * eyes))
        crop = aligned_crop(self.image, self.frame, side, extent=FACE_EXTENT)
        return np.asarray(Image.fromarray(crop).convert("L"), np.float64)

    @property
    def sharpness(self) -> float:
        """Contrast finer than FINE_SIGMA pixels as a share of that up to COARSE_SIGMA pixels; 0 without contrast."""
        picture = Image.fromarray(self.grey.astype(np.uint8))
        fine, coarse = (
            np.asarray(picture.filter(ImageFilter.GaussianBlur(sigma)), np.float64)
            for sigma in (FINE_SIGMA, COARSE_SIGMA)
        )
        contrast = float((self.grey - coarse).std())
        return float((self.grey - fine).std()) / contrast if contrast > 0 else 0.0

    @property
    def light(self) -> float:
        """The grey level below which three quarters of the face lie."""
        return float(np.percentile(self.grey, LIGHT_PERCENTILE))

    @property
    def washed_out(self) -> float:
        """Share of the face at the top of the range, where no detail is left."""
        return float((self.grey >= WASHED_OUT_FROM).mean())
