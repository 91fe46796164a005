import time

import numpy as np
import torch

from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from detection.precision import FORCE_FLOAT32
from ml.training.batches import PairSampler
from ml.training.loop import Plan, fit, hardest_at, rate_at
from tests.factories.bundles import TINY
from tests.factories.training_rows import bank


def fitted(evidence, **how):
    torch.manual_seed(0)
    model = WithMaskHead(convnext("convnext_zepto_rms_ols", **TINY, **evidence))
    rows = bank()
    sampler = PairSampler(rows, np.array(["a"] * len(rows.label)))
    losses = []
    plan = Plan(side=64, batch=8, warmup=2, report_every=1, compiled=False, **how.pop("plan"))
    fit(model, sampler, plan, report=lambda step, loss, _: losses.append(loss), **how)
    return losses


def test_both_optimisers_learn_a_few_pairs_with_and_without_local_evidence():
    for muon in (True, False):
        for evidence in ({}, {"evidence": "local"}):
            losses = fitted(evidence, plan={"steps": 25, "muon": muon})
            assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_run_in_float32_loses_as_the_native_one_does(monkeypatch):
    monkeypatch.setenv(FORCE_FLOAT32, "1")
    losses = fitted({}, plan={"steps": 25})
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_deadline_ends_the_run():
    assert len(fitted({}, plan={"steps": 1000}, deadline=time.monotonic() - 1)) == 1


def test_rate_warms_up_stays_and_falls():
    plan = Plan(steps=1000, rate=1.0, warmup=10)
    rates = [rate_at(0, 0.0, plan), rate_at(200, 0.2, plan), rate_at(500, 0.5, plan), rate_at(999, 1.0, plan)]
    assert np.allclose(rates, [0.1, 1.0, 1.0, 0.01])


def test_forgeries_stay_easy_then_grow_hard():
    plan = Plan(steps=1, hold=0.2, ramp=0.4)
    assert [round(hardest_at(part, plan), 3) for part in (0, 0.2, 0.4, 0.6, 1)] == [0.4, 0.4, 0.7, 1.0, 1.0]
