from copy import deepcopy

import numpy as np
import pytest
import torch

from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from estimation.ranking import auc
from ml.training.stacking import (
    CANDIDATE_PULL,
    TEMPERATURE_PRIOR_ROWS,
    THRESHOLD_FAKES_MIN,
    MissLimit,
    choose_jointly,
    choose_thresholds,
    fit_stack,
    fit_temperature,
    matched_thresholds,
    midway_below,
    raise_logits,
    shrunk_temperature,
    shrunk_thresholds,
)
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


def test_thresholds_lie_midway_between_the_fake_that_they_find_and_the_next_score_below() -> None:
    label = np.array([0, 0, 0, 1, 1, 1, 1])
    score = np.array([0.1, 0.3, 0.55, 0.2, 0.6, 0.8, 0.9])
    probability = np.stack([score] * 5, 1)
    one_missed = choose_thresholds(probability, label, 0.3)
    assert np.allclose(one_missed, (0.6 + 0.55) / 2)
    none_missed = choose_thresholds(probability, label, 0.0)
    assert np.allclose(none_missed, (0.2 + 0.1) / 2)


def test_a_threshold_below_every_score_lies_halfway_to_zero() -> None:
    assert midway_below(np.array([0.4, 0.6]), 0.4) == 0.2


def test_chosen_together_a_weak_member_flags_less_than_a_good_stack() -> None:
    """Members know nothing, the stack nearly everything; equal miss rates would let the members' noise flag reals."""
    rng = np.random.default_rng(0)
    label = np.tile([0, 1], 300)
    probability = rng.uniform(0.01, 0.99, (600, 5))
    probability[:, 4] = np.clip(0.3 + 0.4 * label + rng.normal(0, 0.12, 600), 0.01, 0.99)
    source = np.where(np.arange(600) < 400, "a", "b")
    fakes = label == 1
    together = choose_jointly(probability, label, [MissLimit(fakes, 0.1)], source=source)
    equal = choose_thresholds(probability, label, 0.1)

    def outcome(thresholds: np.ndarray) -> tuple[float, float]:
        flagged = np.any(probability >= thresholds, axis=1)
        return 1 - flagged[fakes].mean(), flagged[~fakes].mean()

    assert outcome(together)[0] <= 0.1
    assert outcome(equal)[0] <= 0.1
    assert outcome(together)[1] < outcome(equal)[1] - 0.2


def test_no_other_pair_of_rates_has_fewer_false_alarms_averaged_over_sources() -> None:
    """Against plain loops over all pairs, with sources of very different size."""
    rng = np.random.default_rng(3)
    label, probability = np.tile([0, 1], 60), rng.uniform(0, 1, (120, 5))
    probability[label == 1] = np.sqrt(probability[label == 1])
    source = np.where(np.arange(120) < 20, "small", "big")
    fakes = (label == 1) & (np.arange(120) >= 30)
    sorted_fakes = np.sort(probability[fakes], 0)
    best = 1.0
    for of_members in range(len(sorted_fakes)):
        for of_stack in range(len(sorted_fakes)):
            thresholds = np.append(sorted_fakes[of_members, :4], sorted_fakes[of_stack, 4])
            flagged = np.any(probability >= thresholds, axis=1)
            if (~flagged[fakes]).mean() <= 0.2:
                alarms = [flagged[(label == 0) & (source == name)].mean() for name in ("small", "big")]
                best = min(best, float(np.mean(alarms)))
    found = choose_jointly(probability, label, [MissLimit(fakes, 0.2)], source=source)
    flagged = np.any(probability >= found, axis=1)
    assert (~flagged[fakes]).mean() <= 0.2
    alarms = [flagged[(label == 0) & (source == name)].mean() for name in ("small", "big")]
    assert np.mean(alarms) == pytest.approx(best)


def test_thresholds_keep_the_limits_of_two_kinds_of_fakes() -> None:
    """The stack knows the first kind, a member the second: both limits hold, at the price of false alarms."""
    rng = np.random.default_rng(4)
    label, probability = np.tile([0, 1], 300), rng.uniform(0.01, 0.99, (600, 5))
    first, second = (label == 1) & (np.arange(600) < 200), (label == 1) & (np.arange(600) >= 200)
    probability[first, 4] = rng.uniform(0.6, 0.99, first.sum())
    probability[second, 0] = rng.uniform(0.9, 0.99, second.sum())
    source = np.full(600, "a")

    def outcome(limits: list[MissLimit]) -> tuple[float, float, float]:
        flagged = np.any(probability >= choose_jointly(probability, label, limits, source=source), axis=1)
        return (~flagged[first]).mean(), (~flagged[second]).mean(), flagged[label == 0].mean()

    alone = outcome([MissLimit(first, 0.2)])
    both = outcome([MissLimit(first, 0.2), MissLimit(second, 0.3)])
    assert alone[0] <= 0.2
    assert alone[1] > 0.3
    assert both[0] <= 0.2
    assert both[1] <= 0.3
    assert both[2] > alone[2]


def test_limits_that_cannot_be_kept_together_are_an_error() -> None:
    """Of fakes that no vote tells, none may be missed, while all rates miss at least one of them."""
    label, probability = np.tile([0, 1], 20), np.full((40, 5), 0.5)
    first, second = label == 1, np.arange(40) == 1
    probability[second] = 0.1
    first &= ~second
    with pytest.raises(ValueError, match="keep all limits"):
        choose_jointly(
            probability, label, [MissLimit(first, 0.5), MissLimit(second, 0.0)], source=np.full(40, "a")
        )


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


def test_a_temperature_moves_with_the_number_of_rows() -> None:
    assert shrunk_temperature(10.0, 2.0, 0) == pytest.approx(2.0)
    assert shrunk_temperature(8.0, 2.0, TEMPERATURE_PRIOR_ROWS) == pytest.approx(4.0)
    assert shrunk_temperature(10.0, 2.0, 10**7) == pytest.approx(10.0, rel=1e-3)
    with pytest.raises(ValueError, match="above 0"):
        shrunk_temperature(0.0, 2.0, 5)


def test_thresholds_are_not_chosen_on_too_few_fakes() -> None:
    chosen, matched = np.full(5, 0.9999), np.full(5, 0.6)
    assert (shrunk_thresholds(chosen, matched, THRESHOLD_FAKES_MIN - 1, 81) == matched).all()
    moved = shrunk_thresholds(np.full(5, 0.8), np.full(5, 0.2), 100, 100)
    assert moved == pytest.approx(np.full(5, 0.5))


@pytest.mark.parametrize("shift", [-6.0, -2.0, 0.0, 2.0, 6.0])
def test_matched_thresholds_flag_as_many_however_training_moved_the_scores(shift: float) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(70, 1)) + rng.normal(0, 0.7, (70, 5))
    before, thresholds = 1 / (1 + np.exp(-logits)), np.array([0.6, 0.7, 0.8, 0.6, 0.75])
    was = (before >= thresholds).any(1).mean()
    moved = 1 / (1 + np.exp(-(logits * 1.5 + rng.normal(0, 0.3, (70, 5)) + shift)))
    found = matched_thresholds(moved, before, thresholds)
    assert was - 0.05 < (moved >= found).any(1).mean() <= was
    assert abs((moved >= thresholds).any(1).mean() - was) > 0.1 or abs(shift) < 3


def test_matched_thresholds_count_rows_by_their_weight() -> None:
    before = np.repeat(np.array([[0.9], [0.1], [0.1], [0.1]]), 5, 1)
    moved = np.repeat(np.array([[0.2], [0.4], [0.3], [0.1]]), 5, 1)
    found = matched_thresholds(moved, before, np.full(5, 0.5), np.array([3.0, 1.0, 1.0, 1.0]))
    assert (moved >= found).any(1).tolist() == [
        False,
        True,
        True,
        False,
    ]  # 2 of 6; the heavy row would make it 5


def test_matched_thresholds_with_equal_scores_or_nothing_flagged_flag_no_more() -> None:
    equal, before = np.full((10, 5), 0.3), np.linspace(0.1, 0.9, 50).reshape(10, 5)
    assert not (equal >= matched_thresholds(equal, before, np.full(5, 0.5))).any()
    assert not (before >= matched_thresholds(before, equal, np.full(5, 0.5))).any()
    assert (equal >= matched_thresholds(equal, before, np.full(5, 0.05))).all()
