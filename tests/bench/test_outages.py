"""The short run of `python -m bench outages`."""

from pathlib import Path

import pytest

from bench import outages
from bench.images import jpegs
from bench.product import product
from tests.detection.tiny import tiny_bundle


@pytest.mark.slow
def test_every_accepted_selfie_outlasts_the_death_of_each_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "VALKEY_URL"):  # this stack brings its own
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCORING_THREADS", "1")
    tiny_bundle(tmp_path / "tiny")
    with product(tmp_path / "tiny", print) as running:
        outcome = outages.run(running, jpegs(side=300, count=8), posts=300, kills=4, seed=1, say=print)
    assert outcome.kills >= 2
    assert outcome.is_kept, outcome
