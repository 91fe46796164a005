import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score

from ml.evaluation.metrics import (
    at_prevalence,
    auc,
    design_effect,
    newcombe,
    share,
    threshold_for_miss_rate,
    weighted_areas,
    wilson,
)
from ml.evaluation.votes import VoteTable


def test_wilson_gives_the_published_interval() -> None:
    # 75 of 80, as recomputed from the source document's table: 86.2 to 97.3 %
    estimate = wilson(75, 80)
    assert estimate.value == pytest.approx(0.9375)
    assert (estimate.low, estimate.high) == pytest.approx((0.862, 0.973), abs=5e-4)


def test_fifty_nine_fakes_without_a_miss_certify_about_95_percent() -> None:
    # one-sided exact bound 0.05 ** (1/59); Wilson's two-sided interval is near it
    assert pytest.approx(0.9505, abs=1e-4) == 0.05 ** (1 / 59)
    assert wilson(59, 59).low == pytest.approx(0.939, abs=2e-3)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_what_is_no_share(hits: int, n: int) -> None:
    with pytest.raises(ValueError):
        wilson(hits, n)


def test_auc_interval_holds_the_value_and_is_the_same_every_time() -> None:
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 200)
    score = label * 0.8 + rng.normal(size=200)
    first, second = auc(label, score), auc(label, score)
    assert first == second
    assert first.value == pytest.approx(roc_auc_score(label, score))
    assert first.low < first.value < first.high


def test_threshold_lets_at_most_the_stated_share_of_fakes_through() -> None:
    label = np.array([1] * 10 + [0] * 5)
    score = np.concatenate([np.arange(1, 11) / 10, np.zeros(5)])
    threshold = threshold_for_miss_rate(label, score, 0.2)
    assert (score[label == 1] < threshold).mean() == pytest.approx(0.2)


def test_precision_falls_with_prevalence() -> None:
    # the document's unanimous column: recall 55/80, 85 false calls among 20400 reals
    row = at_prevalence(55 / 80, 85 / 20400, 0.001)
    assert row["precision"] == pytest.approx(0.1417, abs=1e-3)


def test_vote_table_counts_the_human_column() -> None:
    threshold = np.full(5, 0.5)
    probability = np.array(
        [[0.1] * 5, [0.9] * 5, [0.9, 0.1, 0.1, 0.1, 0.1], [0.1] * 5, [0.1, 0.1, 0.1, 0.1, 0.5]]
    )
    label = np.array([1, 1, 1, 0, 0])
    table = VoteTable.count(probability, threshold, label)
    assert table.fake == (1, 1, 1)
    assert table.real == (1, 1, 0)
    assert table.recall_with_human.value == pytest.approx(2 / 3)
    assert table.review_load.value == pytest.approx(3 / 5)


def test_vote_table_needs_five_votes() -> None:
    with pytest.raises(ValueError, match="five votes"):
        VoteTable.count(np.zeros((2, 4)), np.zeros(4), np.zeros(2))


def test_bootstrap_areas_equal_scikit_learns_on_the_repeated_rows() -> None:
    rng = np.random.default_rng(1)
    label, score = rng.integers(0, 2, 60), rng.integers(0, 12, 60) / 12  # many ties
    weight = rng.integers(0, 4, (20, 60))
    expected = [roc_auc_score(np.repeat(label, w), np.repeat(score, w)) for w in weight]
    assert weighted_areas(label, score, weight) == pytest.approx(expected)


def test_a_person_with_ten_pictures_counts_once() -> None:
    rng = np.random.default_rng(0)
    people = rng.random(40) < 0.7
    once, tenfold = share(people), share(np.repeat(people, 10), np.repeat(np.arange(40), 10))
    assert tenfold.value == once.value
    assert tenfold.n == 400
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high), abs=0.005)


def test_pictures_that_have_nothing_in_common_but_their_person_count_each() -> None:
    rng = np.random.default_rng(1)
    hit, group = rng.random(4000) < 0.3, np.repeat(np.arange(400), 10)
    assert design_effect(hit, group) == pytest.approx(1.0, abs=0.2)


def test_where_all_rows_agree_people_are_counted() -> None:
    assert share(np.ones(50, bool), np.repeat(np.arange(5), 10)).low == pytest.approx(wilson(5, 5).low)


def test_shares_of_clustered_rows_cover_the_truth() -> None:
    """Half of the variance lies between people; intervals over rows would cover about 75 %."""
    rng, covered = np.random.default_rng(2), 0
    for _ in range(400):
        chance = rng.beta(0.5, 0.5, 60)  # mean one half
        hit = rng.random((60, 8)) < chance[:, None]
        found = share(hit.ravel(), np.repeat(np.arange(60), 8))
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_an_area_of_one_on_four_pictures_is_not_certain() -> None:
    found = auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert found.value == found.high == 1.0
    assert found.low < 0.5


@pytest.mark.parametrize(("area", "fakes", "reals"), [(0.9, 12, 15), (1.0, 2, 2), (0.6, 8, 100)])
def test_newcombes_bounds_solve_his_equation(area: float, fakes: int, reals: int) -> None:
    def excess(t: float) -> float:
        half = (fakes + reals) / 2 - 1
        variance = t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (fakes * reals)
        return abs(area - t) - 1.96 * np.sqrt(variance)

    low, high = newcombe(area, fakes, reals)
    assert low == pytest.approx(brentq(excess, 1e-9, area - 1e-6), abs=2e-4)
    if area < 1:
        assert high == pytest.approx(brentq(excess, area + 1e-6, 1 - 1e-9), abs=2e-4)


def test_votes_of_one_persons_pictures_widen_the_tables_intervals() -> None:
    threshold, label = np.full(5, 0.5), np.repeat([1, 0], 40)
    probability = np.where(np.arange(80)[:, None] % 8 < 4, 0.9, 0.1) * np.ones(5)
    person = np.arange(80) // 4
    by_row = VoteTable.count(probability, threshold, label)
    by_person = VoteTable.count(probability, threshold, label, person)
    assert by_person.recall_with_human.value == by_row.recall_with_human.value == 0.5
    width = [t.recall_with_human.high - t.recall_with_human.low for t in (by_row, by_person)]
    assert width[1] > 1.7 * width[0]
