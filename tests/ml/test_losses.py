from collections.abc import Callable

import pytest
import torch

from ml.losses import cross_entropy, edit_loss, focal, focal_unweighted, pair_margin


def test_focal_loss_is_the_papers_formula() -> None:
    logits, target = torch.tensor([[0.3, 1.2], [2.0, -0.5]]), torch.tensor([1, 0])
    p = torch.softmax(logits, 1)
    expected = -(0.25 * (1 - p[0, 1]) ** 2 * p[0, 1].log() + 0.75 * (1 - p[1, 0]) ** 2 * p[1, 0].log()) / 2
    assert focal(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_documents_focal_loss_weighs_both_classes_alike() -> None:
    logits, target = torch.tensor([[0.3, 1.2], [2.0, -0.5]]), torch.tensor([1, 0])
    p = torch.softmax(logits, 1)
    right = torch.stack([p[0, 1], p[1, 0]])
    expected = -(0.25 * (1 - right) ** 2 * right.log()).mean()
    assert focal_unweighted(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


def test_focal_loss_without_focus_is_half_of_cross_entropy() -> None:
    logits, target = torch.randn(8, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1] * 4)
    assert focal(logits, target, gamma=0.0, alpha=0.5).item() == pytest.approx(
        0.5 * cross_entropy(logits, target).item(), rel=1e-5
    )


def test_pair_margin_leaves_out_pairs_of_one_class() -> None:
    logits = torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 5.0], [0.0, -5.0]])
    loss = pair_margin(logits, torch.tensor([0, 1, 0, 0]))
    assert loss.item() == pytest.approx(torch.nn.functional.softplus(torch.tensor(-2.0)).item(), rel=1e-5)


def test_edit_loss_ignores_rows_whose_mask_is_unknown() -> None:
    logits, mask = torch.zeros(2, 2, 2, 2), torch.zeros(2, 8, 8)
    mask[0, :2] = (
        1  # the upper cells are half covered: inside 0.5, seam 4 * 0.5 * 0.5 = 1, weighing three times
    )
    known = edit_loss(logits, mask, torch.tensor([True, False]))
    both = edit_loss(logits, mask, torch.tensor([True, True]))
    assert known.item() > both.item() > 0


def test_the_inside_of_an_edit_is_edited_and_no_seam() -> None:
    logits = torch.tensor([20.0, -20.0])[None, :, None, None].expand(1, 2, 2, 2)
    inside = torch.ones(1, 8, 8)
    assert edit_loss(logits, inside, torch.tensor([True])).item() < 1e-6
    assert edit_loss(-logits, inside, torch.tensor([True])).item() > 1


@pytest.mark.parametrize("loss", [cross_entropy, focal])
def test_a_weight_of_three_is_the_row_three_times(loss: Callable[..., torch.Tensor]) -> None:
    logits = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    target, weight = torch.tensor([0, 1, 0, 1]), torch.tensor([1.0, 3.0, 1.0, 2.0])
    repeated = [0, 1, 1, 1, 2, 3, 3]
    expected = loss(logits[repeated], target[repeated]) * len(repeated) / len(target)
    assert loss(logits, target, weight=weight).item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss(logits, target, weight=torch.ones(4)).item() == pytest.approx(loss(logits, target).item())


def test_a_pair_weighs_the_product_of_its_rows() -> None:
    logits, target = (
        torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0], [0.0, 1.0]]),
        torch.tensor([0, 1, 0, 1]),
    )
    each = [pair_margin(logits[k : k + 2], target[k : k + 2]).item() for k in (0, 2)]
    weight = torch.tensor([2.0, 3.0, 0.5, 1.0])
    assert pair_margin(logits, target, weight=weight).item() == pytest.approx(
        (6 * each[0] + 0.5 * each[1]) / 2
    )
