"""One deliberate edit of one portrait by a donor's region, for samples and demonstrations."""

from pathlib import Path

import numpy as np
from PIL import Image

from detection.faces.default import largest_mesh
from ml.synthesis.forge import Forgery, Recipe, swap
from ml.synthesis.measure import MIN_SCORE


class NoFace(ValueError):
    """A picture shows no face; the message names it."""


def forge_file(image: Path, donor: Path, out: Path, recipe: Recipe, *, quality: int = 90) -> Forgery:
    """Forges `image` with `donor`'s region and writes it to `out` as JPEG without metadata.

    Raises NoFace when there is none in either picture, FaceModelMissing, and ValueError for an unknown region or seam.
    """
    target, target_points = _face(image)
    lent, lent_points = _face(donor)
    forgery = swap(target, target_points, lent, lent_points, recipe)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(forgery.image).save(out, "JPEG", quality=quality)
    return forgery


def _face(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    points, confidence = largest_mesh(picture) or (None, 0.0)
    if points is None or confidence < MIN_SCORE:
        raise NoFace(f"no face found in {path}: choose an upright face photograph")
    return np.asarray(picture), points
