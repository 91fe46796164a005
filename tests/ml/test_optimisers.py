import pytest
import torch
from timm.optim.muon import zeropower_via_newtonschulz
from torch import Tensor, nn

from detection.precision import FORCE_FLOAT32
from ml.optimisers import muon

CPU = torch.device("cpu")
# timm's default, https://leloykun.github.io/ponder/muon-opt-coeffs/
QUINTIC = [
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
]


def updated(force: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """The direction in which one step moves a matrix, and the gradient."""
    monkeypatch.setenv(FORCE_FLOAT32, force)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(6, 10))
    weight.grad = torch.randn(6, 10)
    muon([weight], lr=0.1, device=CPU).step()
    return weight.detach(), weight.grad


def cosine(a: Tensor, b: Tensor) -> float:
    return float(nn.functional.cosine_similarity(a.flatten().double(), b.flatten().double(), dim=0))


def test_without_bfloat16_the_iteration_runs_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, gradient = updated("1", monkeypatch)
    expected = zeropower_via_newtonschulz(gradient, 5, QUINTIC, dtype=torch.float32)
    assert cosine(-moved, expected) == pytest.approx(1.0, abs=1e-6)


def test_both_precisions_give_nearly_the_same_update(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, _ = updated("1", monkeypatch)
    coarse, _ = updated("0", monkeypatch)
    assert not torch.equal(exact, coarse)
    assert cosine(exact, coarse) == pytest.approx(1.0, abs=1e-3)
