"""The retraining loop from end to end: decisions, snapshot, training run, promotion."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from detection.ensemble import Ensemble
from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshots import snapshots_build_due
from kyc_review.pipeline.champion import serving_ensemble
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import champion
from kyc_review.submissions.models import Submission
from kyc_review.training.models import Comparison, Proposal, TrainingRun
from kyc_review.training.worker import run_due_jobs
from tests.factories.bundles import small_bundle
from tests.factories.checks import checks
from tests.factories.decisions import decide_all
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db(transaction=True)


def manage(*arguments: str) -> str:
    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def before(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bundle:
    """The bundle that serves at the beginning."""
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)
    settings.SCORING_DEVICE = "cpu"
    settings.TRAINING_DECISIONS_MIN = 4  # the loop is tested, not what so few faces teach
    manage("bundle", "promote", str(small_bundle(tmp_path / "served")), "--reason", "The first model.")
    serving = champion()
    assert serving is not None
    return serving


@pytest.mark.slow
def test_decisions_train_a_candidate_that_serves_after_its_promotion(
    submit: Callable[..., Submission], alice: User, before: Bundle
) -> None:
    assert serving_ensemble().digest == before.digest

    decide_all(submit, alice)
    manage("snapshot", "create", "--name", "first")
    snapshot = Snapshot.objects.get()
    assert "waits" in manage("retrain", "first", "--epochs", "1")
    assert run_due_jobs() == 2  # the run, and the comparison that it asks for
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
    ensemble = serving_ensemble()
    assert isinstance(ensemble, Ensemble)
    assert ensemble.digest == after.digest

    manage("bundle", "rollback", "--reason", "only a test")
    assert serving_ensemble().digest == before.digest


@pytest.mark.slow
def test_the_whole_loop_goes_through_pages_and_two_admins(
    submit: Callable[..., Submission],
    staff: Callable[..., User],
    alice: User,
    settings: LazySettings,
    before: Bundle,
) -> None:
    """Decisions, an audit that overturns, snapshot, run, proposal, approval, rollback: all but the training by page."""
    decide_all(submit, alice, people=26)
    overturned = submit(applicant_ref="audited")
    settings.AUDIT_SHARE = 1.0
    lease_batch(holder="one", limit=1)
    votes = tuple(Vote(f"member-{number}", 0.1, 0.5) for number in range(5))
    scored = {overturned.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
    verdicts_record(holder="one", bundle_version="small", bundle_digest="d" * 64, scored=scored)
    reviewer, ada, amir = (
        logged_in(person) for person in (alice, staff("ada", "admin"), staff("amir", "admin"))
    )
    item = reviewer.post("/review/items/next/").headers["Location"]
    answer = {"label": "fake", "shown_item": item.split("/")[-2]}
    assert reviewer.post(f"{item}first-call/", answer).status_code == 302
    assert reviewer.post(f"{item}decision/", answer).status_code == 302
    overturned.refresh_from_db()
    assert overturned.result == "rejected"

    ada.post("/retraining/snapshots/", {"name": "first"})
    assert snapshots_build_due() == 1
    snapshot = Snapshot.objects.get()
    body = {"snapshot": snapshot.pk, "begin": "champion", "epochs": 1, "miss": 0.1, "seed": 0}
    assert ada.post("/retraining/runs/", body).status_code == 302
    assert run_due_jobs() == 2
    comparison = Comparison.objects.get()
    reasons = {"reason": "A test.", "override": "A test's few faces cannot open the gate.", "shift": "0.0"}
    assert ada.post(f"/retraining/comparisons/{comparison.pk}/proposals/", reasons).status_code == 302
    approval = f"/retraining/proposals/{Proposal.objects.get().pk}/approval/"
    ada.post(approval)
    assert champion() == before, "a proposer cannot approve"
    amir.post(approval)
    assert champion() == comparison.candidate
    assert serving_ensemble().digest == comparison.candidate.digest
    leaving = comparison.candidate.digest
    amir.post("/retraining/rollback/", {"reason": "Only a test.", "leaving": leaving})
    assert champion() == before


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.slow
def test_the_whole_loop_goes_by_api_with_two_peoples_tokens(
    submit: Callable[..., Submission],
    staff: Callable[..., User],
    alice: User,
    before: Bundle,
) -> None:
    """As a bank's nightly job would: freeze, train, read the comparison, propose; another person's script approves."""
    decide_all(submit, alice, people=26)
    ada, amir = Script(staff("ada", "admin")), Script(staff("amir", "admin"))

    assert ada.get("/signals").json()["unused_decisions"] == 104
    assert ada.post("/snapshots", name="first").status_code == 202
    assert snapshots_build_due() == 1
    assert ada.get("/snapshots/first/verification").json()["items"] == 104
    asked = ada.post("/runs", snapshot="first", epochs=1)
    assert run_due_jobs() == 2  # the run, and the comparison that it asks for
    run = ada.client.get(asked["Location"]).json()
    assert run["state"] == "succeeded", run["error"]
    assert run["progress"]["done"] == run["progress"]["of"] > 0
    comparison = ada.get("/comparisons", state="succeeded").json()["data"][0]
    assert (comparison["champion"], comparison["candidate"]) == (before.digest, run["candidate"])
    measured = ada.get(f"/comparisons/{comparison['id']}").json()
    assert any(point["shift"] == -0.5 for point in measured["points"])
    proposal = ada.post(
        "/proposals",
        comparison=comparison["id"],
        shift=-0.5,
        reason="A test.",
        override="A test's few faces cannot open the gate.",
    ).json()
    approval = f"/proposals/{proposal['id']}/approval"
    assert ada.post(approval).status_code == 409, "a proposer cannot approve"
    assert amir.post(approval).status_code == 200
    bundle = amir.get(f"/bundles/{run['candidate']}").json()
    assert bundle["state"] == "champion"
    assert bundle["lineage"] == {"run": run["id"], "snapshot": "first", "parent": before.digest}
    assert bundle["promotions"][0]["shift"] == -0.5
    assert serving_ensemble().digest == run["candidate"]
    back = ada.post("/rollback", reason="Only a test.", leaving=run["candidate"])
    assert back.json()["bundle"] == before.digest
    assert champion() == before
