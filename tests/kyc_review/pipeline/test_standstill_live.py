"""A real scoring worker that cannot load its bundle, then can, then is killed: what probes, queue and selfies show."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.ops import health
from kyc_review.pipeline.tasks import sweep
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.review.models import ReviewItem
from kyc_review.scoring import state
from kyc_review.scoring.models import Scoring
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.models import State, Submission
from tests.factories.bundles import tiny_bundle
from tests.factories.claims import item_claim_next
from tests.factories.portraits import portrait_bytes
from tests.factories.processes import wait_for


def why_not_ready(client: Client) -> str:
    health._kept.clear()  # not what was found less than a second ago
    return str(client.get("/readyz").json()["checks"]["scoring"])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_bundle_that_does_not_load_gives_selfies_to_people_until_it_does_and_a_kill_shows(
    submit: Callable[..., Submission],
    tmp_path: Path,
    celery_worker: Callable,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    client: Client,
    alice: User,
) -> None:
    monkeypatch.setattr(health, "_started", health._started - 10_000)
    settings.SCORING_STANDSTILL_S = 8
    tiny_bundle(tmp_path / "tiny", version="tiny")
    bundle = bundle_register(path=tmp_path / "tiny", source=Bundle.Source.TRAINED)
    bundle_promote(actor=None, bundle=bundle)
    weights = bundle.directory / "stack.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))  # one bit, as a failing disk changes it

    rows = [submit(image=portrait_bytes(number)) for number in range(4)]
    assert why_not_ready(client) == "no scoring worker is alive"
    process = celery_worker()
    wait_for(lambda: scoring_state().failing == 1, each=sweep)
    assert "BundleRefused" in scoring_state().problem
    assert why_not_ready(client).startswith("no scoring worker can score")

    items = ReviewItem.objects.filter(reason=ReviewItem.Reason.STANDSTILL)
    wait_for(lambda: items.count() == len(rows), each=sweep)
    claimed = item_claim_next(reviewer=alice)
    assert claimed is not None

    weights.write_bytes(good)
    wait_for(lambda: Scoring.objects.count() == len(rows) - 1, each=sweep)
    left = items.get()
    assert (left.pk, left.claimed_by) == (claimed.pk, alice)
    others = Submission.objects.exclude(pk=claimed.submission_id)
    assert not others.filter(state__in=(State.RECEIVED, State.SCORING)).exists()
    wait_for(lambda: scoring_state().failing == 0)
    assert why_not_ready(client) == "ok"

    monkeypatch.setattr(state, "SILENT_AFTER_S", 7)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: why_not_ready(client) == "no scoring worker is alive", seconds=30)
