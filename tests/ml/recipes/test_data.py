from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml.recipes.base import Budget, Context
from ml.recipes.data import divide, limited, prepare
from ml.recipes.scenes import scene
from ml.sources import Photo, SourceMissing


def context_of(out: Path, images: int | None = None) -> Context:
    out.mkdir(exist_ok=True)
    return Context(out, out, Budget(1, 2, 8, images), torch.device("cpu"), quiet=True)


def photos(root: Path, count: int = 60) -> list[Photo]:
    """Fakes 2k+1 are made on real 2k; every third fake took from the next real, too; 50 and 51 are the same picture."""
    root.mkdir()
    rng, rows = np.random.default_rng(0), []
    for number in range(count):
        path = root / f"{number}.png"
        scene(rng).save(path)
        fake = number % 2 == 1
        related = (f"p{(number + 1) // 2}",) if fake and number % 6 == 1 else ()
        label = "fake" if fake else "real"
        rows.append(Photo(path, f"set/{path.name}", "set", f"p{number // 2}", label, related=related))
    Image.open(root / "10.png").save(root / "45.png")
    return rows


def test_nothing_related_lies_on_two_sides(tmp_path: Path) -> None:
    rows = photos(tmp_path / "data")
    divided = divide(rows, context_of(tmp_path / "out"))
    side: dict[str, set[str]] = {p.identity: set() for p in divided.photos}
    for photo, where in zip(divided.photos, divided.side, strict=True):
        for name in (photo.identity, *photo.related):
            side[name].add(where)
    assert all(len(where) == 1 for where in side.values())
    of_group = dict(zip(divided.group, divided.side, strict=True))
    assert divided.side == [of_group[g] for g in divided.group]
    assert divided.side[10] == divided.side[45]
    assert {s: sum(c.values()) for s, c in divided.counts().items()}["train"] > 36


def test_a_split_stays_as_it_was_frozen(tmp_path: Path) -> None:
    rows, context = photos(tmp_path / "data"), context_of(tmp_path / "out")
    first = divide(rows, context)
    assert divide(list(reversed(rows)), context).sha256 == first.sha256
    scene(np.random.default_rng(9)).save(rows[0].path)
    with pytest.raises(ValueError, match="freeze a new split"):
        divide(rows, context)


def test_a_side_without_fakes_is_refused(tmp_path: Path) -> None:
    rows = [p for p in photos(tmp_path / "data") if p.label == "real"]
    with pytest.raises(SourceMissing, match="the test side has no fake image: expected enough of both"):
        divide(rows, context_of(tmp_path / "out"))


def test_a_limit_takes_as_many_of_each_class_and_keeps_the_order(tmp_path: Path) -> None:
    rows = photos(tmp_path / "data")
    kept = limited(rows, 7)
    assert [p.label for p in kept].count("fake") == 7
    assert len(kept) == 14
    assert [rows.index(p) for p in kept] == sorted(rows.index(p) for p in kept)
    assert limited(rows, None) == rows


def test_prepared_arrays_are_made_once_and_belong_to_their_run(tmp_path: Path) -> None:
    rows, context = photos(tmp_path / "data")[:3], context_of(tmp_path / "out")
    made = []

    def make(photo: Photo) -> np.ndarray:
        made.append(photo.key)
        return np.full((2, 2, 3), len(made), dtype=np.uint8)

    first = prepare(rows, "view", (2, 2, 3), make, context)
    again = prepare(rows, "view", (2, 2, 3), make, context)
    assert len(made) == 3
    assert np.array_equal(first, again)
    with pytest.raises(ValueError, match="is of another run"):
        prepare(rows[:2], "view", (2, 2, 3), make, context)
