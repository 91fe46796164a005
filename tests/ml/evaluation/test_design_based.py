import numpy as np
import pytest
from scipy.stats import beta

from estimation.weighted import weighted_rate
from ml.evaluation.design_based import Selected, complement, paired_rates, typical_weights


def selected(weight: np.ndarray) -> Selected:
    return Selected(weight, np.arange(len(weight)))


def test_with_equal_weights_the_interval_is_that_of_jeffreys() -> None:
    flagged = np.arange(40) < 33
    found = paired_rates(selected(np.ones(40)), flagged, flagged[:, None], (1.0, 1.0), draws=20_000)
    assert found is not None
    low, high = beta.ppf([0.025, 0.975], 33.5, 7.5)
    assert (found.champion.low, found.champion.high) == pytest.approx((low, high), abs=0.01)
    assert found.champion.value == 33 / 40


def test_values_are_those_of_the_plain_estimators() -> None:
    rng = np.random.default_rng(0)
    weight = rng.choice([1.0, 25.0], 90)
    champion, candidate = rng.random(90) < 0.5, rng.random((90, 3)) < 0.6
    found = paired_rates(selected(weight), champion, candidate, (1.0, 25.0), draws=50)
    assert found is not None
    of_champion = weighted_rate(champion.tolist(), weight.tolist())
    assert found.champion.value == pytest.approx(of_champion)
    for point in range(3):
        of_candidate = weighted_rate(candidate[:, point].tolist(), weight.tolist())
        assert found.candidate[point].value == pytest.approx(of_candidate)
        assert found.difference[point].value == pytest.approx(of_candidate - of_champion)


def test_without_one_audited_fake_the_recall_is_not_certain() -> None:
    flagged = np.ones(60, bool)
    found = paired_rates(selected(np.ones(60)), flagged, flagged[:, None], (1.0, 50.0))
    assert found is not None
    assert found.champion.value == 1.0
    assert found.champion.low < 0.5  # one missed fake in 50 cleared would be seen with a chance of 2 % only


def test_several_pictures_of_one_applicant_say_less_than_those_of_several() -> None:
    flagged = np.tile([True, True, False], 20).repeat(4)
    apart = paired_rates(selected(np.ones(240)), flagged, flagged[:, None], (1.0, 1.0))
    together = paired_rates(
        Selected(np.ones(240), np.arange(60).repeat(4)), flagged, flagged[:, None], (1.0, 1.0)
    )
    assert apart is not None
    assert together is not None
    widths = [found.champion.high - found.champion.low for found in (apart, together)]
    assert 1.6 < widths[1] / widths[0] < 2.4


def test_the_same_seed_gives_the_same_interval() -> None:
    flagged = np.arange(30) % 3 > 0
    one, two = (paired_rates(selected(np.ones(30)), flagged, flagged[:, None], (1.0, 1.0)) for _ in range(2))
    assert one == two


def test_nothing_has_no_rate() -> None:
    assert paired_rates(selected(np.ones(0)), np.ones(0, bool), np.ones((0, 1), bool), (1.0, 1.0)) is None


def test_a_weight_that_is_no_inverse_chance_is_refused() -> None:
    flagged = np.ones(2, bool)
    with pytest.raises(ValueError, match="weight must be 1 or more"):
        paired_rates(selected(np.array([1.0, 0.2])), flagged, flagged[:, None], (1.0, 1.0))


def test_typical_weights_are_apart_for_what_was_flagged_and_what_was_audited() -> None:
    weight = np.array([1.0, 1.0, 30.0, 50.0])
    assert typical_weights(weight, np.array([True, True, False, False])) == (1.0, 40.0)
    assert typical_weights(weight, np.ones(4, bool))[1] == 50.0


def test_a_miss_rate_is_one_less_the_recall() -> None:
    flagged = np.arange(10) < 7
    found = paired_rates(selected(np.ones(10)), flagged, flagged[:, None], (1.0, 1.0))
    assert found is not None
    missed = complement(found.champion)
    assert (missed.value, missed.low) == pytest.approx((0.3, 1 - found.champion.high))
