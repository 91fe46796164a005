"""System U's own data, draw and figure."""

from pathlib import Path

import numpy as np
import torch

from ml.recipes.scenes import write_casia
from ml.recipes.u_documented import Versions, keras_accuracy, untouched, versions_of
from ml.sources import forged


def test_a_fake_has_seven_versions_and_a_real_picture_one_as_in_the_document() -> None:
    rows = versions_of(np.array([1] * 450 + [0] * 1050))
    assert len(rows) == 4200
    assert np.bincount(rows[:, 0]).max() == 7


def test_pixels_on_a_grey_edge_are_wrong_whatever_is_called() -> None:
    target = torch.ones(1, 3, 4, 4)
    target[..., 0] = 0.5
    for called in (9.0, -9.0):
        assert keras_accuracy(torch.full_like(target, called), target)["accuracy"] == (
            0.75 if called > 0 else 0
        )


def test_masks_are_white_where_untouched_and_reducing_leaves_grey(tmp_path: Path) -> None:
    write_casia(tmp_path, count=4)
    photos = forged.read(tmp_path)
    real, fake = (next(p for p in photos if p.label == label) for label in ("real", "fake"))
    assert (untouched(real, 48) == 255).all()
    mask = untouched(fake, 48)
    assert mask.shape == (48, 48, 1)
    assert (mask == 0).any()
    assert ((mask > 0) & (mask < 255)).any()


def test_a_version_is_the_same_whenever_it_is_read() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    masks = np.full((2, 32, 32, 1), 255, np.uint8)
    rows = Versions(inputs, masks, versions_of(np.array([1, 0])), seed=5)
    assert len(rows) == 8
    first, target = rows.batch(np.array([4, 6]), np.random.default_rng(1))
    again, _ = rows.batch(np.array([4, 6]), None)
    assert torch.equal(first, again)
    assert target.shape == first.shape == (2, 3, 32, 32)
    assert float(first.max()) > 0.9  # error levels are stretched to the full range
