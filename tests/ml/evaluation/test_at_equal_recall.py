"""Two bundles at the same recall: moved thresholds, alarms, and the interval of the difference."""

import numpy as np
import pytest

from ml.evaluation.at_equal_recall import Pictures, at_equal_recall, margins


def test_a_margin_is_the_shift_at_which_the_last_vote_stops_to_flag() -> None:
    probability = np.array([[0.5, 0.1, 0.1, 0.1, 0.9], [0.01, 0.01, 0.01, 0.01, 0.01]])
    thresholds = np.array([0.5, 0.5, 0.5, 0.5, 0.8])
    found = margins(probability, thresholds)
    assert found == pytest.approx([np.log(9) - np.log(4), np.log(0.01 / 0.99) - np.log(1)])
    assert margins(probability, thresholds, np.array([False, True]))[1] == np.inf


def pictures(
    rng: np.random.Generator, before: float, after: float, count: int, prefix: str = "p"
) -> Pictures:
    """Of two sets and one picture of each person. before, after: means of the margins."""
    noise = rng.normal(size=count)  # the same for both, as of one picture
    return Pictures(
        before + noise,
        after + noise + 0.1 * rng.normal(size=count),
        np.where(np.arange(count) % 2, "one", "two"),
        np.array([f"{prefix}{row}" for row in range(count)]),
    )


def test_a_bundle_that_separates_better_sends_fewer_genuine_pictures_at_the_same_recall() -> None:
    rng = np.random.default_rng(1)
    forged, genuine = pictures(rng, 1, 3, 400), {"files": pictures(rng, 0, 0, 400)}
    found = at_equal_recall(forged, genuine)
    for recall in ("0.70", "0.75"):
        rates = found[recall]["files"]
        difference = rates["difference"]
        assert rates["after"] < rates["before"]
        assert difference["low"] <= difference["value"] == pytest.approx(rates["after"] - rates["before"])
        assert difference["high"] < 0
    assert found["people"] == 400  # the forgeries are of the same people


def test_thresholds_that_lie_elsewhere_are_no_difference() -> None:
    rng = np.random.default_rng(2)
    forged, genuine = pictures(rng, 1, 1, 300), pictures(rng, 0, 0, 300, "q")
    moved = [Pictures(each.before, each.before + 5, each.source, each.person) for each in (forged, genuine)]
    difference = at_equal_recall(moved[0], {"files": moved[1]})["0.70"]["files"]["difference"]
    assert (difference["value"], difference["low"], difference["high"]) == (0, 0, 0)


def test_each_set_counts_alike_however_many_pictures_it_has() -> None:
    forged = Pictures(np.zeros(10), np.zeros(10), np.repeat("s", 10), np.arange(10).astype(str))
    flagged = np.array([1.0] * 2 + [-1.0] * 98)
    genuine = Pictures(flagged, flagged, np.array(["small"] * 2 + ["large"] * 98), np.arange(100).astype(str))
    assert at_equal_recall(forged, {"files": genuine})["0.75"]["files"]["before"] == 0.5


def test_without_forgeries_nothing_can_be_equal() -> None:
    none = Pictures(*(np.zeros(0) for _ in range(2)), *(np.zeros(0, str) for _ in range(2)))
    with pytest.raises(ValueError, match="needs forgeries"):
        at_equal_recall(none, {})
