from pathlib import Path

import numpy as np
import pytest

from ml.sources import Photo
from ml.splits import assign_sides, freeze_split, group_people, load_split, require_frozen_of


def photos(tmp_path: Path, count: int, source: str = "lfw") -> list[Photo]:
    rows = []
    for number in range(count):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(bytes([number % 256, number // 256]))
        rows.append(Photo(path, f"{source}/{number}.jpg", source, f"person{number // 2}", "real"))
    return rows


def far_hashes(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (count, 256)).astype(bool)


def test_one_person_is_never_on_two_sides(tmp_path: Path) -> None:
    rows = photos(tmp_path, 200)
    sides = assign_sides(rows, group_people(rows, far_hashes(200)))
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert sides[first.key] == sides[second.key]


def test_near_duplicates_of_different_names_stay_together(tmp_path: Path) -> None:
    rows, hashes = photos(tmp_path, 40), far_hashes(40)
    hashes[37] = hashes[2]
    hashes[37, :10] ^= True
    group_of = group_people(rows, hashes)
    assert group_of[37] == group_of[2] == group_of[36]
    assert len(set(group_of)) == 19


def test_shares_are_met_in_every_source(tmp_path: Path) -> None:
    rows = photos(tmp_path, 300) + photos(tmp_path, 200, "scut")
    sides = assign_sides(rows, group_people(rows, far_hashes(500)))
    for source, total in (("lfw", 300), ("scut", 200)):
        for side, share in (("test", 0.1), ("validation", 0.1), ("stack", 0.1), ("train", 0.7)):
            count = sum(sides[r.key] == side for r in rows if r.source == source)
            assert count == pytest.approx(share * total, abs=2)


def test_frozen_split_refuses_other_bytes(tmp_path: Path) -> None:
    rows = photos(tmp_path, 10)
    group_of = group_people(rows, far_hashes(10))
    sides = assign_sides(rows, group_of)
    freeze_split(tmp_path / "splits.json", rows, group_of, sides)
    assert load_split(tmp_path / "splits.json", rows) == sides
    rows[3].path.write_bytes(b"other")
    with pytest.raises(ValueError, match=r"3\.jpg is not what"):
        load_split(tmp_path / "splits.json", rows)


def test_a_frozen_split_is_never_replaced_by_another(tmp_path: Path) -> None:
    rows, path = photos(tmp_path, 10), tmp_path / "splits.json"
    require_frozen_of(path, rows)
    group_of = group_people(rows, far_hashes(10))
    sides = assign_sides(rows, group_of)
    digest = freeze_split(path, rows, group_of, sides)
    body = path.read_bytes()
    assert freeze_split(path, rows, group_of, sides) == digest
    with pytest.raises(ValueError, match="another work folder"):
        freeze_split(path, rows[:8], group_of[:8], sides)
    with pytest.raises(ValueError, match="another work folder"):
        freeze_split(path, rows, group_of, dict.fromkeys(sides, "train"))
    assert path.read_bytes() == body
    require_frozen_of(path, rows)
    path.write_bytes(body[:-20])
    with pytest.raises(ValueError, match="is no frozen split"):
        require_frozen_of(path, rows)
    path.write_bytes(body)
    with pytest.raises(ValueError, match="another work folder"):
        require_frozen_of(path, rows[:8])
    rows[3].path.write_bytes(b"other")
    with pytest.raises(ValueError, match="another work folder"):
        require_frozen_of(path, rows)


def test_a_split_whose_writing_ends_early_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, path = photos(tmp_path, 10), tmp_path / "splits.json"

    def full(part: Path, body: bytes) -> int:
        with part.open("wb") as stream:
            stream.write(body[:20])
        raise OSError("No space left on device")

    group_of = group_people(rows, far_hashes(10))
    sides = assign_sides(rows, group_of)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            freeze_split(path, rows, group_of, sides)
    assert not path.exists()
    freeze_split(path, rows, group_of, sides)
    assert len(load_split(path, rows)) == 10
