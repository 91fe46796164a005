from pathlib import Path

import numpy as np

from ml.recipes.data import Divided
from ml.recipes.probes import probes
from ml.recipes.scenes import scene
from ml.sources import Photo


def divided(root: Path, fake_quality: int) -> Divided:
    rng, rows = np.random.default_rng(0), []
    for number in range(40):
        path = root / f"{number}.jpg"
        scene(rng).save(path, quality=fake_quality if number % 2 else 90)
        rows.append(Photo(path, path.name, "set", path.stem, "fake" if number % 2 else "real"))
    side = ["test" if number >= 24 else "train" for number in range(40)]
    return Divided(rows, [p.key for p in rows], side, [], "")


def test_classes_saved_at_different_qualities_are_told_apart_without_a_look(tmp_path: Path) -> None:
    found = probes(divided(tmp_path, fake_quality=80))
    assert found["header_only_auc"]["value"] == 1
    assert found["source_only_auc"] == {"missing": "all pictures are of one source"}


def test_classes_saved_alike_are_not(tmp_path: Path) -> None:
    low = probes(divided(tmp_path, fake_quality=90))["header_only_auc"]["low"]
    assert low < 0.6
