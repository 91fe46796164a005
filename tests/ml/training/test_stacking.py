from copy import deepcopy

import numpy as np
import pytest
import torch

from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from estimation.ranking import auc
from ml.training.stacking import CANDIDATE_PULL, fit_stack, raise_logits
from ml.training.temperatures import fit_temperature
from tests.factories.bundles import TINY


def test_a_lifted_member_says_the_same_with_higher_logits() -> None:
    for evidence in ({}, {"evidence": "local"}):
        torch.manual_seed(0)
        network = convnext("convnext_zepto_rms_ols", **TINY, **evidence).eval()
        x = torch.randn(3, 3, 64, 64)
        with torch.inference_mode():
            before = network(x)
        raise_logits(network, 2.5)
        with torch.inference_mode():
            assert torch.allclose(network(x), before + 2.5, atol=1e-5)


def test_the_stack_hears_a_member_with_negative_logits_only_when_they_are_lifted() -> None:
    rng = np.random.default_rng(0)
    label = np.tile([0, 1], 200)
    logits = np.full((400, 8), -3.0, np.float32)
    logits[:, 1] += label + rng.normal(0, 0.3, 400).astype(np.float32)

    def right(x: np.ndarray) -> float:
        stack = fit_stack(x, label)
        with torch.inference_mode():
            return (stack(torch.from_numpy(x)).argmax(1).numpy() == label).mean()

    assert right(logits) < 0.6
    assert right(logits + 4) > 0.9


def test_a_row_that_weighs_three_is_fitted_as_three_rows() -> None:
    rng = np.random.default_rng(0)
    logits, label = rng.normal(0, 1, (40, 8)).astype(np.float32), np.array([0, 1] * 20)
    logits[label == 1, 1::2] += 1
    repeated = np.concatenate([np.arange(40), [0, 1, 0, 1]])  # rows 0 and 1, of either label, three times
    weight = np.ones(40, np.float32)
    weight[:2] = 3
    weight *= 20 / 22  # mean 1 within each label, as ml.inverse_probability makes them
    once, thrice = fit_stack(logits, label, row_weight=weight), fit_stack(logits[repeated], label[repeated])
    for one, other in zip(once.parameters(), thrice.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    two = logits[:, :2]
    assert fit_temperature(two, label, weight) == fit_temperature(two[repeated], label[repeated])


def simulated(rng: np.random.Generator, count: int, accuracy: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of four members that differ in skill, and labels of which the share `accuracy` is right."""
    truth, common = (rng.random(count) < 0.5).astype(int), rng.standard_normal(count)
    logits = np.zeros((count, 8), np.float32)
    for member, gain in enumerate((1.7, 1.5, 1.3, 0.8)):
        margin = gain * (2 * truth - 1) + 1.6 * (0.6 * common + 0.8 * rng.standard_normal(count))
        logits[:, 2 * member], logits[:, 2 * member + 1] = 4 - margin, 4 + margin
    return logits, np.where(rng.random(count) < accuracy, truth, 1 - truth)


def area(stack: Stacking, logits: np.ndarray, label: np.ndarray) -> float:
    with torch.inference_mode():
        found = stack(torch.from_numpy(logits)).numpy()
    score = found[:, 1] - found[:, 0]
    return auc(score[label == 1].tolist(), score[label == 0].tolist())


@pytest.mark.parametrize("accuracy", [1.0, 0.8, 0.6])
@pytest.mark.parametrize("rows", [40, 180, 1000])
def test_few_or_wrong_decisions_do_not_undo_the_champions_stack(rows: int, accuracy: float) -> None:
    rng = np.random.default_rng(0)
    champion, test = fit_stack(*simulated(rng, 3000)), simulated(rng, 2000)
    before = area(champion, *test)
    for seed in range(4):
        learned = simulated(np.random.default_rng(seed), rows, accuracy)
        candidate = fit_stack(*learned, start=deepcopy(champion).train(), pull=CANDIDATE_PULL)
        assert area(candidate, *test) > before - 0.005


def test_a_stack_learns_how_much_its_input_is_worth() -> None:
    """One that tells the labels apart adds to the members, noise does not; what cannot be read is worth zero."""
    rng = np.random.default_rng(0)
    (logits, label), (unseen, truth) = simulated(rng, 2000), simulated(rng, 2000)

    def with_input(x: np.ndarray, y: np.ndarray, gain: float) -> np.ndarray:
        half = (gain * (2 * y - 1) + rng.standard_normal(len(y))).astype(np.float32)
        half[::5] = 0
        half = half.clip(min=0)  # the absence of traces says nothing
        return np.concatenate([x, np.stack([-half, half], 1)], 1)

    alone = area(fit_stack(logits, label, pull=0.1), unseen, truth)
    found = {
        gain: area(
            fit_stack(with_input(logits, label, gain), label, pull=0.1),
            with_input(unseen, truth, gain),
            truth,
        )
        for gain in (0.0, 1.0)
    }
    assert 1 - found[1.0] < 0.8 * (1 - alone)
    assert found[0.0] > alone - 0.01


def test_traces_of_an_edit_never_count_for_real_whatever_the_decisions_say() -> None:
    rng = np.random.default_rng(0)
    logits, label = simulated(rng, 400)
    half = np.where(label == 1, 0.0, rng.random(400) * 4).astype(
        np.float32
    )  # traces in genuine pictures only
    stack = fit_stack(np.concatenate([logits, np.stack([-half, half], 1)], 1), label)
    towards_fake = (stack.linear.weight[1] - stack.linear.weight[0])[-2:].detach()
    assert (towards_fake >= 0).all()
    x = torch.from_numpy(np.concatenate([logits[:50], np.zeros((50, 2), np.float32)], 1))
    with_traces = x.clone()
    with_traces[:, -2:] = torch.tensor([-3.0, 3.0])
    with torch.inference_mode():
        before, after = (stack(each).softmax(1)[:, 1] for each in (x, with_traces))
    assert (after >= before - 1e-6).all()
