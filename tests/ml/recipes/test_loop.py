import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml.recipes.data import Prepared
from ml.recipes.loop import load_weights, predict, probability
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
