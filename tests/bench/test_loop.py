"""The demonstration's own measuring and its people, apart from the product that it shows."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.loop_measure import compared, recall_at, suspicion
from detection.voting import shifted
from devstack.paths import REPOSITORY

SAMPLE = REPOSITORY / "samples" / "sample-01-genuine.jpg"


def test_suspicion_is_the_shift_at_which_nobody_flags_any_more() -> None:
    rng = np.random.default_rng(0)
    probability, thresholds = rng.uniform(0.01, 0.99, (50, 5)), rng.uniform(0.3, 0.7, 5)
    score = suspicion(probability, thresholds)
    for shift in (-2.0, -0.3, 0.0, 0.7, 2.0):
        moved = np.array([shifted(float(t), shift) for t in thresholds])
        np.testing.assert_array_equal((probability >= moved).any(1), score >= shift)


def test_recall_is_taken_where_so_many_real_faces_are_flagged() -> None:
    score = np.concatenate([np.arange(10.0), [8.5, 7.5, 20.0, 0.0]])
    fake = np.arange(14) >= 10
    assert recall_at(score, fake, 0.1) == 0.5  # one of ten real faces lies above 8.1, and two of four fakes
    assert recall_at(score, fake, 0.3) == 0.75


def test_the_gain_is_measured_on_the_same_faces_and_its_interval_is_narrow_when_nothing_changed() -> None:
    rng = np.random.default_rng(1)
    fake = np.arange(200) % 2 == 1
    weak, strong = rng.normal(size=200), rng.normal(size=200) + 2 * fake
    before, after, gain = compared(weak, strong, fake, 0.2)
    assert gain.value == pytest.approx(after.value - before.value)
    assert gain.low > 0.2
    _, _, none = compared(weak, weak, fake, 0.2)
    assert (none.value, none.low, none.high) == (0, 0, 0)


def test_without_faces_the_demonstration_says_so_and_ends_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench import loop

    assert loop.run(tmp_path) is True
    assert capsys.readouterr().out.startswith("skipped: there are no faces in")


def test_nobody_is_both_held_out_and_worked_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import loop_faces

    names = [*sorted(loop_faces.HELD_OUT)[:3], "Some_Body", "Any_Body"]
    for name in names:
        (tmp_path / "lfw" / name).mkdir(parents=True)
        shutil.copy(SAMPLE, tmp_path / "lfw" / name / f"{name}_0001.jpg")
    worked_with = {face.person for face in loop_faces.faces(tmp_path, tmp_path / "a", count=9, seed=0)}
    held = {
        face.person for face in loop_faces.faces(tmp_path, tmp_path / "b", count=9, seed=0, held_out=True)
    }
    assert worked_with == {"Some_Body", "Any_Body"}
    assert held == set(names[:3])
