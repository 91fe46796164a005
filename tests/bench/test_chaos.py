"""The short run of `python -m bench chaos`: the real stack, a real kill -9."""

from pathlib import Path

import pytest

from bench import chaos
from bench.images import jpegs
from bench.product import product
from tests.detection.tiny import tiny_bundle


@pytest.mark.slow
def test_every_accepted_submission_gets_one_verdict_though_its_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "VALKEY_URL"):  # this stack brings its own
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCORING_THREADS", "1")
    tiny_bundle(tmp_path / "tiny")
    with product(tmp_path / "tiny", print) as running:
        outcome = chaos.run(
            running, jpegs(side=300, count=8), posts=200, kills=3, seed=1, say=print, timeout_s=120
        )
    assert outcome.accepted == 200
    assert outcome.kills >= 2
    assert outcome.kills_at_work >= 1
    assert outcome.is_kept, outcome
