"""Small face sets in the layout that `python -m ml` reads, from the public-domain portraits."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

from tests.factories.portraits import SAMPLES

FOLDERS = {
    "rff/training_real": "real_0000{}.jpg",
    "rff/training_fake": "easy_{}_1111.jpg",
    "lfw": "Person_{0}/Person_{0}_0001.jpg",
    "utkface": "3{}_0_1_20170103200452530.jpg",
    "scut/images": "CF{}.jpg",
    "portraits": "A00000{}.jpg",
    "gan_faces/real": "a{}.jpg",
    "gan_faces/fake": "b{}.jpg",
    "generators/one": "c{}.png",
    "generators/two": "d{}.jpg",
}


def faces() -> Iterator[Image.Image]:
    """Distinct pictures with a face: each sample, its mirror image, and itself leaning to a side."""
    for path in sorted(SAMPLES.glob("sample-*.jpg")):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        yield picture
        yield ImageOps.mirror(picture)
        yield picture.rotate(25, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))


def write_face_sets(root: Path) -> None:
    """Four pictures of each genuine set, three of the collection and of two generators."""
    pictures = faces()
    for folder, name in FOLDERS.items():
        for number in range(3 if "gen" in folder or "gan" in folder else 4):
            path = root / folder / name.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            next(pictures).save(path)
