"""IFS-TC image forensics challenge, phase 1: `training/pristine/<id>.png`, `training/fake/<id>.png`, `<id>.mask.png`.

A mask is black where the picture was forged and white elsewhere, the opposite of the other sets' masks.
"""

from pathlib import Path

from ml.sources.base import Photo, SourceMissing, images_in

MASK = ".mask"


def read(root: Path) -> list[Photo]:
    """Rows of the folder that holds `pristine` and `fake`, or of one above it as the archive unpacks.

    Raises SourceMissing for another layout, a forgery without its mask, or a class without images.
    """
    for inner in ("", "training", "phase-01/training", "dataset-dist/phase-01/training"):
        if (root / inner / "fake").is_dir():
            root = root / inner
            break
    reals = images_in(root / "pristine", expected="<id>.png of the IFS-TC challenge, phase 1")
    both = images_in(root / "fake", expected="<id>.png and <id>.mask.png of the IFS-TC challenge, phase 1")
    masks = {p.stem.removesuffix(MASK): p for p in both if p.stem.endswith(MASK)}
    fakes = [p for p in both if not p.stem.endswith(MASK)]
    if not fakes:
        raise SourceMissing(f"{root / 'fake'} holds masks only: expected <id>.png and <id>.mask.png")
    if missing := [p for p in fakes if p.stem not in masks]:
        raise SourceMissing(f"{missing[0]} has no mask: expected {missing[0].stem}{MASK}.png next to it")
    rows = [Photo(p, f"ifs_tc/pristine/{p.name}", "ifs_tc", p.stem, "real") for p in reals]
    return rows + [
        Photo(p, f"ifs_tc/fake/{p.name}", "ifs_tc", p.stem, "fake", mask=masks[p.stem]) for p in fakes
    ]
