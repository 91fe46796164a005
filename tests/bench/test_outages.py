"""The short run of `python -m bench outages`."""

import pytest

from bench import outages
from bench.images import jpegs
from bench.product import Product


@pytest.mark.slow
def test_every_accepted_selfie_outlasts_the_death_of_each_process(running: Product) -> None:
    outcome = outages.run(running, jpegs(side=300, count=8), posts=300, kills=4, seed=1, say=print)
    assert outcome.kills >= 2
    assert outcome.is_kept, outcome
