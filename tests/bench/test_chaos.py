"""The short run of `python -m bench chaos`: the real stack, a real kill -9."""

import pytest

from bench import chaos
from bench.images import jpegs
from bench.product import Product


@pytest.mark.slow
def test_every_accepted_submission_gets_one_verdict_though_its_worker_is_killed(running: Product) -> None:
    outcome = chaos.run(
        running, jpegs(side=300, count=8), posts=200, kills=3, seed=1, say=print, timeout_s=120
    )
    assert outcome.accepted == 200
    assert outcome.kills >= 2
    assert outcome.kills_at_work >= 1
    assert outcome.is_kept, outcome
