import random

import pytest
from sklearn.metrics import roc_auc_score

from estimation.ranking import auc, hanley_mcneil


def test_the_area_under_the_curve_agrees_with_scikit_learn_ties_included() -> None:
    draw = random.Random(1)
    fakes = [round(draw.gauss(0.6, 0.2), 1) for _ in range(70)]
    reals = [round(draw.gauss(0.4, 0.2), 1) for _ in range(110)]
    expected = roc_auc_score([1] * 70 + [0] * 110, fakes + reals)
    assert auc(fakes, reals) == pytest.approx(expected)
    low, high = hanley_mcneil(expected, 70, 110)
    assert 0 < low < expected < high < 1


def test_the_interval_of_an_area_has_its_published_width() -> None:
    """Hanley and McNeil 1982, table II: an area of 0.8 on 50 and 50 has a standard error of about 0.044."""
    low, high = hanley_mcneil(0.8, 50, 50)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.0444, abs=5e-4)


def test_an_area_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="of fakes and of real ones"):
        auc([], [0.5])
