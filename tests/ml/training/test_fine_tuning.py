import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from detection.networks.localiser import WithMaskHead
from ml.training import fine_tuning
from ml.training.fine_tuning import Course, learning_rate_at, served_logits
from tests.factories.tuning import VIEW, pictures, trained

# A process that is killed in the middle of its report after the fourth step; its checkpoint is of the third.
KILLED = """
import os, signal, sys
from pathlib import Path
from ml.training import fine_tuning
from tests.factories.tuning import trained

def report(step, loss, average):
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"seen": float(step)}

fine_tuning.CHECKPOINT_EVERY_S = -1.0
trained(Path(sys.argv[1]), Path(sys.argv[2]), report=report)
"""


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    pictures(tmp_path / "store")

    def watch(step: int, loss: float, average: WithMaskHead) -> dict[str, float]:
        return {"seen": float(step)}

    whole, history = trained(tmp_path / "store", tmp_path / "whole", report=watch)
    kept = tmp_path / "killed"
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "store", kept], timeout=120)
    assert run.returncode == -signal.SIGKILL
    resumed, again = trained(tmp_path / "store", kept, report=watch)
    assert [(row["step"], row["loss"]) for row in again] == [(row["step"], row["loss"]) for row in history]
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_a_checkpoint_of_another_course_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "store")
    trained(tmp_path / "store", tmp_path / "kept")
    with pytest.raises(ValueError, match="other settings"):
        trained(tmp_path / "store", tmp_path / "kept", Course(steps=7, batch=8))


def test_it_learns_and_its_average_tells_the_classes_apart(tmp_path: Path) -> None:
    store = pictures(tmp_path / "store")
    course = Course(steps=60, batch=8, warmup=5, own=0.5, rate=3e-3, average=0.9, report_every=20)
    average, history = trained(tmp_path / "store", tmp_path / "kept", course)
    assert history[-1]["loss"] < history[0]["loss"]
    logits = served_logits(average.network, store, np.arange(len(store)), VIEW)
    score, label = logits[:, 1] - logits[:, 0], store.columns["label"]
    assert score[label == 1].mean() > score[label == 0].mean()


def test_when_the_time_is_over_it_ends_and_does_not_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "store")
    monkeypatch.setattr(fine_tuning, "CHECKPOINT_EVERY_S", 0.0)
    _, history = trained(tmp_path / "store", tmp_path / "kept", allowed_s=0.01)
    assert [row["step"] for row in history] == [1]
    _, again = trained(tmp_path / "store", tmp_path / "kept", allowed_s=0.01)
    assert again == history


def test_the_rate_warms_up_and_falls_to_a_hundredth() -> None:
    course = Course(steps=100, rate=1.0, warmup=10)
    assert learning_rate_at(0, 0.0, course) == pytest.approx(0.1)
    assert learning_rate_at(50, 0.5, course) == pytest.approx(0.505)
    assert learning_rate_at(100, 1.0, course) == pytest.approx(0.01)
    assert learning_rate_at(100, 1.7, course) == pytest.approx(0.01)


def test_mixed_pictures_are_learned_from_and_have_neither_masks_nor_partners(tmp_path: Path) -> None:
    store = pictures(tmp_path / "store")
    course = Course(steps=60, batch=8, warmup=5, own=0.5, rate=3e-3, average=0.9, mixup=0.4, report_every=20)
    average, _ = trained(tmp_path / "store", tmp_path / "kept", course)
    logits = served_logits(average.network, store, np.arange(len(store)), VIEW)
    score, label = logits[:, 1] - logits[:, 0], store.columns["label"]
    assert score[label == 1].mean() > score[label == 0].mean()
    with pytest.raises(ValueError, match="neither masks nor partners"):
        Course(steps=1, mixup=0.4, mask_weight=1.0)


def test_a_steps_mixture_depends_on_seed_and_step_alone() -> None:
    course = Course(steps=10, mixup=0.4, seed=2)
    kept, order = fine_tuning._mixture(course, 3, 8)
    assert (kept, order.tolist()) == (
        fine_tuning._mixture(course, 3, 8)[0],
        fine_tuning._mixture(course, 3, 8)[1].tolist(),
    )
    assert kept != fine_tuning._mixture(course, 4, 8)[0]
    assert sorted(order.tolist()) == list(range(8))
    assert fine_tuning._mixture(Course(steps=10, seed=2), 3, 8)[0] == 1.0
