"""The difference of two areas under the ROC curve, against scikit-learn and simulated truth."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ml.evaluation.against_champion import against_champion


def scores(
    seed: int, gains: tuple[float, float], count: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, count)
    noise = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], count)
    champion, candidate = (noise + label[:, None] * np.array(gains)).T
    return champion, candidate, label


def test_areas_are_those_of_scikit_learn_and_weights_count() -> None:
    champion, candidate, label = scores(0, (1.0, 2.0))
    weight = np.random.default_rng(1).uniform(1, 20, len(label))
    found = against_champion(champion, candidate, label=label, person=np.arange(len(label)), weight=weight)
    assert found["champion"] == pytest.approx(roc_auc_score(label, champion, sample_weight=weight), abs=1e-4)
    assert found["candidate"] == pytest.approx(
        roc_auc_score(label, candidate, sample_weight=weight), abs=1e-4
    )
    assert found["difference"]["low"] > 0
    assert found["people"] == found["difference"]["n"] == 200


def test_one_label_alone_has_no_area() -> None:
    champion, candidate, label = scores(0, (1.0, 2.0), 20)
    with pytest.raises(ValueError, match="both classes"):
        against_champion(champion, candidate, label=np.ones_like(label), person=np.arange(20))


def test_a_label_without_weight_has_no_area() -> None:
    champion, candidate, label = scores(0, (1.0, 2.0), 20)
    with pytest.raises(ValueError, match="both classes"):
        against_champion(champion, candidate, label=label, person=np.arange(20), weight=label * 1.0)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_scores_that_cannot_be_ranked_are_refused(broken: float) -> None:
    champion, candidate, label = scores(0, (1.0, 2.0), 20)
    candidate[3] = broken
    with pytest.raises(ValueError, match="finite"):
        against_champion(champion, candidate, label=label, person=np.arange(20))


@pytest.mark.parametrize("draws", [15, pytest.param(60, marks=pytest.mark.long)])
def test_an_equal_candidate_is_seldom_called_better(draws: int) -> None:
    lows = []
    for seed in range(draws):
        champion, candidate, label = scores(seed, (1.2, 1.2))
        found = against_champion(champion, candidate, label=label, person=np.arange(len(label)))
        lows.append(found["difference"]["low"])
    assert np.mean(np.array(lows) > 0) <= 0.1


def test_pictures_of_one_person_are_drawn_together() -> None:
    champion, candidate, label = scores(3, (1.0, 1.4), 60)
    alone = against_champion(champion, candidate, label=label, person=np.arange(60))
    four = [np.tile(column, 4) for column in (champion, candidate, label, np.arange(60))]
    together = against_champion(four[0], four[1], label=four[2], person=four[3])
    assert together["difference"]["low"] == pytest.approx(alone["difference"]["low"], abs=1e-4)
