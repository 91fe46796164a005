"""What is drawn, and with which weight."""

from dataclasses import replace

import numpy as np
import pytest

from ml.balancing import DOCUMENT, PAIRS, SETTINGS, WAYS, balance_names
from ml.training.batches import PairSampler, ResampledSampler
from ml.training_rows import TrainingRows
from tests.factories.training_rows import training_rows

SOURCE = np.array(["a"] * 16)


def decisions(fakes: int = 4) -> TrainingRows:
    """Sixteen rows, none of them made here; row n has the grey level n everywhere."""
    rows = training_rows()
    images = np.broadcast_to(np.arange(16, dtype=np.uint8)[:, None, None, None], (16, *rows.images[0].shape))
    label = (np.arange(16) >= 16 - fakes).astype(np.float32)
    return replace(rows, images=images, label=label, made=np.zeros(16, bool), masked=np.zeros(16, bool))


def test_a_drawn_row_brings_its_own_weight() -> None:
    weight = np.arange(16, dtype=np.float32)
    sampler = PairSampler(decisions(), SOURCE, weight=weight)
    rows = sampler.rows(8)
    sampler.rng = np.random.default_rng(5)
    batch = sampler.draw(8, 32)
    sampler.rng = np.random.default_rng(5)
    assert batch.weight.tolist() == weight[sampler.rows(8)].tolist()
    assert len(rows) == 8
    assert PairSampler(decisions(), SOURCE).draw(8, 32).weight.tolist() == [1.0] * 8


@pytest.mark.parametrize("number", SETTINGS)
def test_resampling_reaches_the_settings_ratio(number: int) -> None:
    setting = SETTINGS[number]
    sampler = ResampledSampler(decisions(fakes=2), setting, seed=0)
    share = (sampler.rows.label == 1).sum() / (sampler.rows.label == 0).sum()
    reached = max(setting.smote or 0, setting.under or 0)
    assert share >= reached - 1 / (sampler.rows.label == 0).sum()
    batch = sampler.draw(32, 32)
    assert set(batch.label.tolist()) == {0, 1}
    assert batch.images.shape == (32, 3, 32, 32)
    assert not batch.known.any()


def test_a_made_row_weighs_as_its_pixels_are_mixed() -> None:
    weight = np.linspace(1, 4, 16).astype(np.float32)
    sampler = ResampledSampler(decisions(), SETTINGS[1], weight=weight)
    rows = sampler.rows
    made = np.flatnonzero(rows.share)
    assert len(made)
    for row in made:
        near, far, share = weight[rows.first[row]], weight[rows.second[row]], rows.share[row]
        assert sampler.weight[row] == pytest.approx((1 - share) * near + share * far)
    untouched = np.flatnonzero(rows.share == 0)
    assert sampler.weight[untouched].tolist() == weight[rows.first[untouched]].tolist()


def test_where_fakes_are_not_rare_there_is_nothing_to_resample() -> None:
    assert len(ResampledSampler(decisions(fakes=12), SETTINGS[1]).rows) == 16


def test_ways_are_named_for_all_for_each_or_after_the_document() -> None:
    assert balance_names(PAIRS, 4) == ["pairs"] * 4
    assert balance_names("pairs,smote,under,pairs", 4) == ["pairs", "smote", "under", "pairs"]
    assert [WAYS[name] for name in balance_names(DOCUMENT, 4)] == list(SETTINGS.values())
    with pytest.raises(ValueError, match="not a balancing method"):
        balance_names("fairly", 4)
    with pytest.raises(ValueError, match="2 ways to balance for 4"):
        balance_names("pairs,smote", 4)
