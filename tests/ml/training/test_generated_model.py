"""The command that makes *Generated face*, on public-domain portraits; the figures mean nothing here."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

pytest.importorskip("cv2", reason="the synthesis extra is not installed")

from detection.auxiliary import load_auxiliary_model
from detection.faces.default import largest_mesh
from detection.networks.hybrid import LITE0
from ml.cli import main
from ml.training import generated_model, pretrained
from ml.training.face_crops import frame_from_mesh
from ml.training.generated_lists import list_faces
from ml.training.generated_model import threshold_at
from ml.training.generated_rows import OWN_FILE, VERSIONS, Habit, adopted, habits_for, versions
from tests.factories.face_sets import faces, write_face_sets

FLAT = {0: [7] * 64, 1: [9] * 64}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_face_sets(root)
    return root


def test_a_generated_face_becomes_a_file_like_a_genuine_one() -> None:
    picture = next(faces())
    found = largest_mesh(picture)
    assert found is not None
    habit = Habit(40.0, FLAT, 2)
    small, points = adopted(picture, found[0], habit, np.random.default_rng(0))
    assert frame_from_mesh(points, small.size).eye_distance == pytest.approx(40, abs=0.5)
    large, _ = adopted(picture, found[0], Habit(4000.0, FLAT, 2), np.random.default_rng(0))
    assert large.size == picture.size  # never enlarged


def test_faces_adopt_sizes_of_their_rank_that_they_can_be_reduced_to() -> None:
    habits = [
        Habit(float(eyes), FLAT, 2) for eyes in np.random.default_rng(0).permutation(np.arange(50, 150))
    ]
    large = np.array([900.0, 300.0, 700.0, 500.0])
    assert [habit.eyes for habit in habits_for(large, habits)] == [
        137,
        62,
        112,
        87,
    ]  # spread as the habits are
    small = np.array([60.5, 75.5, 100.5, 9.0])
    assert [habit.eyes for habit in habits_for(small, habits)] == [60, 75, 100, 50]


def test_generated_faces_are_as_large_as_genuine_ones_where_they_can_be() -> None:
    """They are hardly larger than genuine ones, and none is reduced far below its own size for that."""
    rng = np.random.default_rng(0)
    habits = [Habit(float(eyes), FLAT, 2) for eyes in rng.uniform(50, 200, 600)]
    own = rng.uniform(52, 220, 300)
    got = np.minimum(own, [habit.eyes for habit in habits_for(own, habits)])
    assert (got < own).all()
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(got, share) == pytest.approx(50 + 150 * share, abs=12)


def test_versions_are_the_same_each_time_and_own_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    picture = next(faces())
    picture.save(path)
    found = largest_mesh(picture)
    assert found is not None
    habit = Habit(40.0, FLAT, 2)
    first, second = (list(versions(path, found[0], habit, [1, 2])) for _ in range(2))
    assert [number for number, _, _ in first] == [OWN_FILE, *range(VERSIONS)]
    assert first[0][1].size == picture.size
    assert all(one[1].size == first[1][1].size for one in first[2:])
    assert all(a[1].tobytes() == b[1].tobytes() for a, b in zip(first, second, strict=True))
    assert [number for number, _, _ in versions(path, found[0], None, [1, 2])] == list(range(VERSIONS))


def test_the_command_goes_from_folders_to_a_model_and_a_report(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    weights = timm.create_model(LITE0, num_classes=0).state_dict()
    monkeypatch.setattr(pretrained, "lite0_weights", lambda cache: weights)
    monkeypatch.setattr(generated_model, "TREES", 5)
    work, out, report = tmp_path / "work", tmp_path / "model", tmp_path / "report.json"
    command = ["generated-faces", "--data", str(data), "--work", str(work), "--out", str(out)]
    assert main([*command, "--share", "0.96", "--report", str(report)]) == 0
    model = load_auxiliary_model(out)
    assert model.review_above is not None
    listed = list_faces(data, work)
    assert model.provenance["own_split"] == listed.own
    assert model.provenance["general_split"] == listed.general
    assert {photo.source for photo in listed.photos if photo.label == "fake"} == {"gan_faces", "one", "two"}
    groups: dict[str, set[str]] = {}
    for group, side in zip(listed.group, listed.side, strict=True):
        groups.setdefault(str(group), set()).add(str(side))
    assert all(len(sides) == 1 for sides in groups.values())
    told = json.loads(report.read_text())
    assert set(told["left_out"]) == {"gan_faces", "one", "two"}
    one = told["left_out"]["one"]
    assert set(one["side_facts"]) == set(told["side_facts"]) >= {"size", "all but size"}
    seen = [photo.source == "one" for photo in listed.photos] & (listed.side != "train")
    assert one["as_genuine_files"]["faces"] == one["own_files"]["faces"] == seen.sum()
    assert one["as_genuine_files"]["recall"]["n"] == VERSIONS * one["own_files"]["recall"]["n"]

    kept = {path: path.stat().st_mtime_ns for path in (work / "generated-features").iterdir()}
    assert main([*command, "--share", "0.96"]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # features are not made again
    elsewhere = [*command[:-1], str(tmp_path / "none")]
    assert main([*elsewhere, "--report", str(report), "--leave-out", "one,nosuch"]) == 2
    assert "no generated faces of nosuch: there are gan_faces, one, two" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()  # names are checked before the model is made
    (data / "generators" / "two" / "d0.jpg").rename(data / "generators" / "two" / "e0.jpg")
    assert main([*command, "--share", "0.96"]) == 2  # another list, but the work folder has a frozen split
    (data / "generators" / "two" / "e0.jpg").rename(data / "generators" / "two" / "d0.jpg")


def test_withheld_generators_need_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generated-faces", "--out", str(tmp_path / "out"), "--leave-out", "one"]) == 2
    assert "--report" in capsys.readouterr().err


def test_the_threshold_at_one_percent_is_the_lowest() -> None:
    scores = np.random.default_rng(0).random(1000)
    threshold = threshold_at(scores, 0.01)
    assert (scores >= threshold).sum() == 10
    assert (scores >= np.nextafter(threshold, 0)).sum() == 11
