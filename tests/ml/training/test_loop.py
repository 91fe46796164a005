import time

import numpy as np
import torch

from detection.networks.convnext import convnext
from detection.networks.localiser import WithMaskHead
from detection.precision import FORCE_FLOAT32
from ml.bank import MASK, STORED, Bank
from ml.training.batches import PairSampler
from ml.training.loop import Plan, fit, hardest_at, rate_at

TINY = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8), "norm_layer": "batchnorm2d"}


def bank(pairs=8):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2 * pairs, STORED, STORED, 3), dtype=np.uint8)
    label = np.tile(np.array([0, 1], np.float32), pairs)
    masks = np.zeros((2 * pairs, MASK, MASK), np.uint8)
    masks[1::2, 10:20, 10:20] = 255
    return Bank(
        images=images,
        masks=masks,
        label=label,
        made=label == 1,
        index=np.arange(2 * pairs),
        kind=np.array(["real", "swap/nose/hard"] * pairs),
        masked=np.ones(2 * pairs, bool),
        difficulty=np.zeros(2 * pairs, np.float32),
        strength=label,
        post=np.array(["none"] * 2 * pairs),
    )


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
