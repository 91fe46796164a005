"""The retraining loop from end to end: decisions, snapshot, training run, promotion."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command

from detection.ensemble import Ensemble
from kyc_review.accounts.models import User
from kyc_review.retraining.models import Comparison, Snapshot, TrainingRun
from kyc_review.retraining.selectors import champion
from kyc_review.retraining.worker import work_due
from kyc_review.scoring import worker
from kyc_review.submissions.models import Submission
from tests.retraining_material import decide_all, small_bundle

pytestmark = pytest.mark.django_db(transaction=True)


def manage(*arguments: str) -> str:
    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


@pytest.mark.slow
def test_decisions_train_a_candidate_that_serves_after_its_promotion(
    submit: Callable[..., Submission],
    alice: User,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(worker, "_serving", None)
    settings.SCORING_DEVICE = "cpu"
    manage("bundle", "promote", str(small_bundle(tmp_path / "served")))
    before = champion()
    assert before is not None
    assert worker.serving().digest == before.digest

    decide_all(submit, alice)
    manage("snapshot", "create", "--name", "first")
    snapshot = Snapshot.objects.get()
    assert "waits" in manage("retrain", "first", "--epochs", "1")
    assert work_due() == 2  # the run, and the comparison that it asks for
    run = TrainingRun.objects.get()
    assert run.state == TrainingRun.State.SUCCEEDED, run.error
    assert run.candidate is not None
    comparison = Comparison.objects.get()
    assert comparison.state == Comparison.State.SUCCEEDED, comparison.error
    assert (comparison.champion, comparison.candidate) == (before, run.candidate)
    held_out = json.loads(snapshot.manifest.read_text())["items"]
    measured = comparison.report["holdout"]["candidate"]
    assert sum(measured["fake"]) + sum(measured["real"]) == sum(item["holdout"] for item in held_out)

    manage("bundle", "promote", run.candidate.digest, "--reason", "trained on the first snapshot")
    after = champion()
    assert after == run.candidate
    assert after.provenance["snapshot_sha256"] == snapshot.manifest_sha256
    assert after.provenance["trained_from_digest"] == before.digest
    ensemble = worker.serving()
    assert isinstance(ensemble, Ensemble)
    assert ensemble.digest == after.digest

    manage("bundle", "rollback", "--reason", "only a test")
    assert worker.serving().digest == before.digest
