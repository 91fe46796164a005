"""Jobs of the synthesis made at the pictures' own size, for members that learn from native pixels."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from detection.forensics.compression_cells import file_grid
from ml.pictures import Picture
from ml.sources import Photo
from ml.synthesis.degradation import degrade, saved
from ml.synthesis.forged_rows import OWN, ForgeryJob, edit_strength, forge_photo, load_rgb
from ml.synthesis.measure import Measures
from ml.synthesis.regions import mask_of
from ml.synthesis.whole_changes import UNCHANGED, changed

QUALITY = (75, 97)  # of the JPEG pass that a real picture and its forged version share


def pictures(photos: Sequence[Photo], measures: Measures, jobs: Sequence[ForgeryJob]) -> Iterator[Picture]:
    """One picture for each job, in order.

    A real photograph and its forged version go through the same change of the whole picture, the same aftermath and the
    same JPEG pass. Pictures without such a partner stay as their files are.
    """
    paired = {k for k, job in enumerate(jobs) if job.way != OWN}
    paired |= {k - 1 for k in paired}
    for number, job in enumerate(jobs):
        yield _picture(photos[job.index], photos, measures, job, in_pair=number in paired)


def saved_like_partner(image: np.ndarray, seed: int) -> tuple[bytes, str, str]:
    """The JPEG file of a genuine picture or of its forged version, what was done to the picture before (`degrade`), and
    how the whole of it was changed. Both have one seed, so they get the same kinds and strengths; contrast and levels
    also follow the picture's own mean and range, which an edit may move. image: (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng([seed, 1])
    image, change = changed(image, np.random.default_rng([seed, 3]))
    image, post = degrade(image, rng)
    return saved(image, int(rng.integers(*QUALITY))), post, change


def _picture(
    photo: Photo, photos: Sequence[Photo], measures: Measures, job: ForgeryJob, *, in_pair: bool
) -> Picture:
    image, points = load_rgb(photo), measures.points[job.index]
    mask, kind, masked, strength, post = np.zeros(image.shape[:2], np.uint8), "real", True, 0.0, "file"
    change, data = UNCHANGED, None
    if job.way != OWN:
        forgery = forge_photo(photos, measures, job, image)
        strength = edit_strength(forgery, image)
        image, mask, kind = forgery.image, forgery.mask, forgery.kind
    elif photo.label == "fake":
        kind, masked = "source", bool(photo.regions)
        for region in photo.regions:
            mask |= mask_of(region, points, image.shape[:2], 1.3)
    if in_pair:
        data, post, change = saved_like_partner(image, job.seed)
        image = np.asarray(Image.open(io.BytesIO(data)))
    height, width = image.shape[:2]
    grid = file_grid(data or Path(photo.path).read_bytes(), (width, height))
    return Picture(
        image=image,
        mask=mask,
        label=int(photo.label == "fake" or job.way != OWN),
        made=job.way != OWN,
        masked=masked,
        photo=job.index,
        kind=kind,
        post=post,
        difficulty=job.difficulty,
        strength=strength,
        change=change,
        # A photograph is read as it is stored, whatever its EXIF says: what is turned has no grid here.
        table=grid.table if grid and grid.orientation == 1 else None,
    )
