import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml.recipes.checkpoint import load_weights
from ml.recipes.data import Prepared
from ml.recipes.loop import Plan, fit, predict, probability
from tests.factories.recipe_training import OPTIMISERS, context_of, network, train

# Trains a small network with dropout and augmentation; kills itself without warning at the batch it is told.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from tests.factories import recipe_training
from ml.recipes import loop
loop.CHECKPOINT_EVERY_S = 0
recipe_training.train(Path(sys.argv[1]), die_at=int(sys.argv[2]), optimiser=recipe_training.OPTIMISERS[sys.argv[3]])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("die_at", "name"), [(2, "adam"), (11, "muon")])  # in the first epoch, in the third
def test_a_killed_run_ends_as_if_it_had_not_been_killed(tmp_path: Path, die_at: int, name: str) -> None:
    (tmp_path / "whole").mkdir()
    whole, history = train(tmp_path / "whole", optimiser=OPTIMISERS[name])
    broken = tmp_path / "broken"
    broken.mkdir()
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(broken), str(die_at), name], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (broken / "network.checkpoint.safetensors").exists()
    resumed, history_again = train(broken, optimiser=OPTIMISERS[name])
    assert history_again == history
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_seed_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(ValueError, match="of a run with other settings or data"):
        train(tmp_path, seed=4)


def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    train(tmp_path)
    (tmp_path / "network.checkpoint.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(ValueError, match="delete it to start over"):
        train(tmp_path)


def test_the_best_epoch_is_kept_and_patience_ends_training(tmp_path: Path) -> None:
    model, history = train(tmp_path, epochs=40, patience=2)
    best = min(range(len(history)), key=lambda i: history[i]["loss"])
    assert len(history) == best + 3
    inputs = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    rows = Prepared(inputs, np.arange(24) % 2, np.arange(18, 24))
    outputs, target = predict(model, rows, context_of(tmp_path), 4)
    assert float(nn.functional.cross_entropy(outputs, target)) == pytest.approx(
        history[best]["loss"], abs=1e-6
    )


@pytest.mark.parametrize(("ties", "kept"), [(None, 0), ("precision", 1)])
def test_of_equally_good_epochs_the_tie_decides_and_without_one_the_first_stays(
    tmp_path: Path, ties: str | None, kept: int
) -> None:
    seen = iter([(0.5, 0.1), (0.5, 0.3), (0.5, 0.2), (0.4, 0.9)])
    states: list[torch.Tensor] = []

    def measure(outputs: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
        states.append(outputs)
        return dict(zip(("recall", "precision"), next(seen), strict=True))

    model, _ = train(tmp_path, measure=measure, best="recall", highest=True, ties=ties)
    inputs = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    rows = Prepared(inputs, np.arange(24) % 2, np.arange(18, 24))
    outputs, _ = predict(model, rows, context_of(tmp_path), 4)
    assert [torch.allclose(outputs, state, atol=1e-6) for state in states].index(True) == kept


def test_training_ends_after_the_steps_that_were_asked_for_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    _, history = train(tmp_path, steps=7)  # 18 rows in batches of 4: five steps an epoch
    assert [row["steps"] for row in history] == [5, 7]


def test_an_epoch_may_be_a_part_of_a_pass(tmp_path: Path) -> None:
    _, history = train(tmp_path, steps_an_epoch=2, epochs=3)
    assert [row["steps"] for row in history] == [2, 4, 6]


def test_rows_may_be_drawn_again_in_every_epoch(tmp_path: Path) -> None:
    asked = []

    class Anew:
        def in_epoch(self, epoch: int) -> Prepared:
            asked.append(epoch)
            inputs = np.random.default_rng(epoch).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
            return Prepared(inputs, np.arange(8) % 2, np.arange(8))

    plan = Plan(epochs=3, batch=4, optimiser=OPTIMISERS["adam"])
    fit(network(), Anew(), Anew(), plan, context_of(tmp_path))
    assert sorted(set(asked)) == [0, 1, 2]


def test_probability_of_fake_is_the_same_from_one_logit_and_from_two() -> None:
    one = torch.tensor([[0.3], [-2.0]])
    two = torch.cat([torch.zeros(2, 1), one], 1)
    assert probability(one) == pytest.approx(probability(two))
    assert probability(one)[1] == pytest.approx(1 / (1 + np.exp(2.0)))


def test_weights_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="holds no tensor that fits"):
        load_weights(network(), tmp_path / "w.safetensors")
