from pathlib import Path

import numpy as np
import pytest
import torch

from ml.balancing import SETTINGS
from ml.recipes.data import Prepared
from ml.recipes.faces import documented_draw, flips_and_turn, random_vote, rates_at_half, recall_and_precision
from ml.recipes.t1_t2_resnet18 import FROZEN, MixUp, ResNet18, soft_cross_entropy
from ml.recipes.t3_t4_simple_cnn import imbalanced, resampled
from ml.sources.base import Photo


def rows(count: int = 12, fakes: int = 4) -> Prepared:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    return Prepared(images, (np.arange(count) < fakes).astype(np.int64), np.arange(count))


def test_the_documents_draw_is_stratified_and_covers_every_row_once() -> None:
    label = np.array([1] * 90 + [0] * 1081)
    drawn = documented_draw(label, seed=0, stratified=True)
    assert sorted(np.concatenate(list(drawn.values()))) == list(range(1171))
    assert [int(label[drawn[side]].sum()) for side in ("train", "validation", "test")] == [72, 9, 9]
    whole = documented_draw(np.arange(2041) % 2, seed=0, stratified=False)
    assert [len(whole[side]) for side in ("train", "validation", "test")] == [
        1632,
        204,
        205,
    ]  # the document's sizes


def test_mixup_keeps_sums_and_mixes_targets_as_it_mixes_pictures() -> None:
    plain = rows()
    x, target = MixUp(plain).batch(np.arange(12), np.random.default_rng(3))
    original, label = plain.batch(np.arange(12), None)
    rng = np.random.default_rng(3)
    share, other = rng.beta(0.2, 0.2, 12), rng.integers(12, size=12)
    expected = (
        original.numpy() * share[:, None, None, None]
        + original.numpy()[other] * (1 - share)[:, None, None, None]
    )
    assert np.allclose(x.numpy(), expected, atol=1e-6)
    assert np.allclose(target.numpy(), label.numpy() * share + label.numpy()[other] * (1 - share), atol=1e-6)


def test_soft_cross_entropy_is_the_hard_one_for_whole_targets() -> None:
    outputs, target = torch.randn(6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    assert torch.allclose(
        soft_cross_entropy(outputs, target), torch.nn.functional.cross_entropy(outputs, target)
    )


def test_the_first_49_tensors_are_frozen_and_the_head_is_not() -> None:
    network = ResNet18(pretrained=False)
    network.freeze()
    learns = [parameter.requires_grad for parameter in network.network.parameters()]
    assert learns == [False] * FROZEN + [True] * (len(learns) - FROZEN)
    assert network.get_parameter("network.fc.weight").requires_grad


def test_one_fake_is_kept_to_every_twelve_reals() -> None:
    photos = [Photo(Path("r"), f"r{i}", "rff", f"r{i}", "real") for i in range(240)]
    photos += [Photo(Path("f"), f"f{i}", "rff", f"f{i}", "fake") for i in range(200)]
    kept = imbalanced(photos)
    assert sum(p.label == "real" for p in kept) == 240
    assert sum(p.label == "fake" for p in kept) == 240 * 90 // 1081


@pytest.mark.parametrize(("number", "ratio"), [(1, 1.0), (2, 0.5), (3, 0.5)])
def test_resampling_reaches_the_documents_ratio(number: int, ratio: float) -> None:
    label = resampled(rows(120, 10), 0, SETTINGS[number]).target
    assert label.sum() / (label == 0).sum() == pytest.approx(ratio, abs=0.01)


def test_flips_and_turns_keep_shape_and_depend_on_the_generator_alone() -> None:
    image = rows().inputs[0]
    first, second = (flips_and_turn(image, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == image.shape
    assert (first == second).all()


def test_a_figure_without_rows_keeps_its_name_and_says_why() -> None:
    figures = rates_at_half(np.array([0.1, 0.2]), np.array([1, 0]))
    assert figures["recall"]["value"] == 0
    assert figures["precision"] == {"missing": "no picture was called fake"}


def test_t4s_documented_calls_are_as_likely_at_random_as_the_review_counted() -> None:
    each = [random_vote(hits, flagged, 9, 117, 275) for hits, flagged in ((4, 14), (4, 11), (5, 26))]
    draws = np.random.default_rng(0).hypergeometric(9, 108, 14, 100_000)
    assert each[0]["random_vote_as_good_once"] == pytest.approx((draws >= 4).mean(), abs=0.001)
    assert [round(found["random_vote_as_good_once"], 3) for found in each] == [0.012, 0.004, 0.025]
    assert each[2]["random_vote_as_good_in_best_epoch"] > 0.99


def test_standardised_pictures_have_mean_0_and_deviation_1() -> None:
    plain = rows()
    x, _ = Prepared(plain.inputs, plain.target, plain.rows, samplewise=True).batch(np.arange(3), None)
    assert torch.allclose(x.mean((1, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(x.std((1, 2, 3), correction=0), torch.ones(3), atol=1e-5)


def test_recall_and_precision_are_those_of_fakes() -> None:
    outputs = torch.tensor([[0.0, 2.0], [0.0, 1.0], [2.0, 0.0], [1.0, 0.0]])
    figures = recall_and_precision(outputs, torch.tensor([1, 0, 1, 0]))
    assert figures == {"recall": 0.5, "precision": 0.5}
