"""How risk is spread by outcome, and the faces on which two bundles differ most."""

import numpy as np
import pytest

from detection.voting import Vote, risk
from ml.evaluation.scores_compared import DIFFERENCES_MAX, risk_histogram, risks, widest_differences

THRESHOLDS = np.array([0.1, 0.5, 0.9, 0.3, 1.0])


def test_risks_are_those_that_order_the_queue() -> None:
    probability = np.vstack([np.random.default_rng(0).random((40, 5)), THRESHOLDS, np.ones(5), np.zeros(5)])
    said = [
        risk([Vote(str(n), float(p), float(t)) for n, (p, t) in enumerate(zip(row, THRESHOLDS, strict=True))])
        for row in probability
    ]
    assert risks(probability, THRESHOLDS) == pytest.approx(np.array(said))


def test_the_histogram_counts_rows_and_weighs_shares_by_label() -> None:
    even = np.full(5, 0.5)
    champion = np.repeat(np.array([[0.05], [0.05], [0.95], [1.0]]), 5, 1)
    candidate = np.repeat(np.array([[0.95], [0.05], [0.95], [0.45]]), 5, 1)
    scores = {"champion": (champion, even), "candidate": (candidate, even)}
    label, weight = np.array([1, 1, 1, 0]), np.array([18.0, 1.0, 1.0, 4.0])
    found = risk_histogram(scores, label, weight)
    assert (found["fakes"]["n"], found["reals"]["n"]) == (3, 1)
    assert found["fakes"]["champion"]["count"] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found["fakes"]["champion"]["share"][::9] == [0.95, 0.05]
    assert found["fakes"]["candidate"]["share"][::9] == [0.05, 0.95]
    assert found["reals"]["champion"]["count"][9] == 1, "a risk of 1 is in the last part"
    assert sum(found["reals"]["candidate"]["share"]) == 1


def test_the_widest_differences_come_first_with_both_votes_and_equal_scores_are_none() -> None:
    rng = np.random.default_rng(1)
    champion = rng.random((30, 5)) * 0.9 + 0.05
    candidate = champion.copy()
    candidate[:20] = rng.random((20, 5)) * 0.9 + 0.05
    champion[7], candidate[7] = 0.02, 0.98
    thresholds = np.full(5, 0.5)
    scores = {"champion": (champion, thresholds), "candidate": (candidate, thresholds)}
    label = np.arange(30) % 2
    found = widest_differences([f"s{n}" for n in range(30)], scores, label, np.ones(30))
    assert len(found) == DIFFERENCES_MAX
    gaps = [abs(row["candidate"]["risk"] - row["champion"]["risk"]) for row in found]
    assert gaps == sorted(gaps, reverse=True)
    assert found[0]["submission"] == "s7"
    assert found[0]["label"] == "fake"
    assert found[0]["champion"]["calls"] == (champion[7] >= 0.5).tolist()
    same = {"champion": (champion, thresholds), "candidate": (champion, thresholds)}
    assert widest_differences([f"s{n}" for n in range(30)], same, label, np.ones(30)) == []
