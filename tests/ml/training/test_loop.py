import math
import time
from typing import Any

import numpy as np
import pytest
import torch

from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from detection.precision import FORCE_FLOAT32
from ml.training.batches import PairSampler
from ml.training.loop import Plan, difficulty_limit_at, fit, learning_rate_at
from tests.factories.bundles import TINY
from tests.factories.training_rows import training_rows


def fitted(evidence: dict[str, Any], *, deadline: float = math.inf, **plan: Any) -> list[float]:
    torch.manual_seed(0)
    model = WithMaskHead(convnext("convnext_zepto_rms_ols", **TINY, **evidence))
    rows = training_rows()
    sampler = PairSampler(rows, np.array(["a"] * len(rows.label)))
    losses: list[float] = []
    short = Plan(side=64, batch=8, warmup=2, report_every=1, compiled=False, **plan)
    fit(model, sampler, short, report=lambda step, loss, _: losses.append(loss), deadline=deadline)
    return losses


def test_both_optimisers_learn_a_few_pairs_with_and_without_local_evidence() -> None:
    for muon in (True, False):
        for evidence in ({}, {"evidence": "local"}):
            losses = fitted(evidence, steps=25, muon=muon)
            assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_run_in_float32_loses_as_the_native_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    losses = fitted({}, steps=25)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_deadline_ends_the_run() -> None:
    assert len(fitted({}, steps=1000, deadline=time.monotonic() - 1)) == 1


def test_rate_warms_up_stays_and_falls() -> None:
    plan = Plan(steps=1000, rate=1.0, warmup=10)
    rates = [
        learning_rate_at(0, 0.0, plan),
        learning_rate_at(200, 0.2, plan),
        learning_rate_at(500, 0.5, plan),
        learning_rate_at(999, 1.0, plan),
    ]
    assert np.allclose(rates, [0.1, 1.0, 1.0, 0.01])


def test_forgeries_stay_easy_then_grow_hard() -> None:
    plan = Plan(steps=1, hold=0.2, ramp=0.4)
    assert [round(difficulty_limit_at(part, plan), 3) for part in (0, 0.2, 0.4, 0.6, 1)] == [
        0.4,
        0.4,
        0.7,
        1.0,
        1.0,
    ]
