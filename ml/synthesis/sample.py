"""One deliberate edit of one portrait by a donor's region, for samples and demonstrations."""

from pathlib import Path

import numpy as np
from PIL import Image

from detection.forensics.facemesh import FaceMesh, MeshUnavailable
from ml.synthesis.forge import Forgery, Recipe, swap
from ml.synthesis.measure import MIN_SCORE


def forge_file(image: Path, donor: Path, out: Path, recipe: Recipe, *, quality: int = 90) -> Forgery:
    """Forges `image` with `donor`'s region and writes it to `out` as JPEG without metadata.

    Raises MeshUnavailable when no face is found in either picture or the mesh is not installed, ValueError for an
    unknown region or seam.
    """
    mesh = FaceMesh()
    target, target_points = _face(image, mesh)
    lent, lent_points = _face(donor, mesh)
    forgery = swap(target, target_points, lent, lent_points, recipe)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(forgery.image).save(out, "JPEG", quality=quality)
    return forgery


def _face(path: Path, mesh: FaceMesh) -> tuple[np.ndarray, np.ndarray]:
    with Image.open(path) as opened:
        picture = np.asarray(opened.convert("RGB"))
    points, score = mesh.points(picture)
    if score < MIN_SCORE:
        raise MeshUnavailable(f"no face found in {path}: choose an upright face photograph")
    return picture, points
