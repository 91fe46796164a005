"""Jobs of the synthesis made at the pictures' own size, for members that learn from native pixels."""

from collections.abc import Iterator, Sequence

import numpy as np

from ml.pictures import Picture
from ml.sources import Photo
from ml.synthesis.degradation import degrade, recompress
from ml.synthesis.forged_rows import OWN, ForgeryJob, edit_strength, forge_photo, load_rgb
from ml.synthesis.measure import Measures
from ml.synthesis.regions import mask_of

QUALITY = (75, 97)  # of the JPEG pass that a real picture and its forged version share


def pictures(photos: Sequence[Photo], measures: Measures, jobs: Sequence[ForgeryJob]) -> Iterator[Picture]:
    """One picture for each job, in order.

    A real photograph and its forged version go through the same aftermath and the same JPEG pass. Pictures without such
    a partner stay as their files are.
    """
    paired = {k for k, job in enumerate(jobs) if job.way != OWN}
    paired |= {k - 1 for k in paired}
    for number, job in enumerate(jobs):
        yield _picture(photos[job.index], photos, measures, job, in_pair=number in paired)


def _picture(
    photo: Photo, photos: Sequence[Photo], measures: Measures, job: ForgeryJob, *, in_pair: bool
) -> Picture:
    image, points = load_rgb(photo), measures.points[job.index]
    mask, kind, masked, strength, post = np.zeros(image.shape[:2], np.uint8), "real", True, 0.0, "file"
    if job.way != OWN:
        forgery = forge_photo(photos, measures, job, image)
        strength = edit_strength(forgery, image)
        image, mask, kind = forgery.image, forgery.mask, forgery.kind
    elif photo.label == "fake":
        kind, masked = "source", bool(photo.regions)
        for region in photo.regions:
            mask |= mask_of(region, points, image.shape[:2], 1.3)
    if in_pair:
        rng = np.random.default_rng([job.seed, 1])  # equal for both of a pair
        image, post = degrade(image, rng)
        image = recompress(image, int(rng.integers(*QUALITY)))
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
    )
