import numpy as np
import pytest

from ml.training.thresholds import (
    THRESHOLD_FAKES_MIN,
    MissLimit,
    choose_jointly,
    choose_thresholds,
    matched_thresholds,
    midway_below,
    shrunk_thresholds,
)


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
