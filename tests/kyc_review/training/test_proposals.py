from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.accounts.people.services import password_reissue
from kyc_review.audit.models import Event
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshots import snapshot_create, snapshot_request
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.registry.bundles import bundle_promote, bundle_register, bundle_rollback
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.registry.selectors import champion, serving_promotion
from kyc_review.registry.shadows import shadow_end, shadow_now, shadow_start
from kyc_review.review.models import Decision
from kyc_review.training.comparisons import comparison_request
from kyc_review.training.gate_limits import Limits
from kyc_review.training.jobs import job_cancel
from kyc_review.training.models import Comparison, GateSettings, Proposal, TrainingRun
from kyc_review.training.proposals import ProposalRefused, proposal_approve, proposal_open, proposal_reject
from kyc_review.training.runs import run_request
from kyc_review.training.worker import comparing
from tests.factories.bundles import small_bundle
from tests.factories.reports import report

pytestmark = pytest.mark.django_db
WHY = "It catches more of the forged mouths of last month."


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def amir(staff: Callable[..., User]) -> User:
    return staff("amir", "admin")


def test_what_one_proposed_another_one_approves(comparison: Comparison, ada: User, amir: User) -> None:
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason=WHY, shift=-0.5, override="Recall comes first here."
    )
    proposal_approve(proposal=proposal, actor=amir, remark="agreed")
    step = serving_promotion()
    assert step is not None
    assert (step.bundle, step.shift, step.promoted_by) == (comparison.candidate, -0.5, amir)
    actions = Event.objects.filter(action__startswith="promotion.").values_list("action", flat=True)
    assert list(actions.order_by("pk")) == ["promotion.proposed", "promotion.approved"]


def test_what_is_proposed_is_a_point_as_it_was_measured(comparison: Comparison, ada: User) -> None:
    assert proposal_open(comparison=comparison, actor=ada, reason=WHY, shift=0.004).shift == 0.0


def test_nobody_approves_an_own_proposal(comparison: Comparison, ada: User) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    with pytest.raises(ProposalRefused, match="Another admin"):
        proposal_approve(proposal=proposal, actor=ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk).update(state="approved", decided_by=ada)
    assert champion() == comparison.champion


def test_a_closed_gate_needs_an_explanation_that_is_kept(comparison: Comparison, ada: User) -> None:
    comparison.report = report(candidate=(14, 190), loads=(360, 1100))
    comparison.save(update_fields=["report"])
    with pytest.raises(ProposalRefused, match="below the champion's; Recall at least 50%; Review load"):
        proposal_open(comparison=comparison, actor=ada, reason=WHY, override="because")
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason=WHY, override="A new kind of forgery must be caught today."
    )
    assert [check["passed"] for check in proposal.gate] == [True, False, False, False, False]
    assert proposal.override.startswith("A new kind")


def test_a_comparison_with_a_champion_of_the_past_is_worth_nothing(
    comparison: Comparison, ada: User, amir: User, made_bundle: Callable[..., Path]
) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    bundle_promote(actor=None, bundle=bundle_register(path=made_bundle("v3"), source="imported"))
    with pytest.raises(ProposalRefused, match="Another bundle has been promoted"):
        proposal_approve(proposal=proposal, actor=amir)
    proposal.refresh_from_db()
    assert proposal.is_open


def test_a_comparison_with_the_champion_at_another_operating_point_is_worth_nothing(
    comparison: Comparison, ada: User, amir: User, serving: Bundle
) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    bundle_promote(actor=None, bundle=serving, shift=2.0)
    with pytest.raises(ProposalRefused, match="Another bundle has been promoted"):
        proposal_approve(proposal=proposal, actor=amir)
    again = comparison_request(snapshot=comparison.snapshot, candidate=comparison.candidate, actor=ada)
    assert (again.champion, again.champion_shift) == (serving, 2.0)
    again.directory.mkdir(parents=True)
    arguments = comparing(
        again,
        snapshot=again.snapshot.directory,
        champion=serving.directory,
        candidate=comparison.candidate.directory,
    )
    assert "--champion-shift=2.0" in arguments


@pytest.mark.django_db(transaction=True)
def test_an_approval_waits_for_a_rollback_of_this_moment_and_is_refused(
    comparison: Comparison, ada: User, amir: User, serving: Bundle
) -> None:
    bundle_promote(actor=None, bundle=serving, shift=1.0)
    Comparison.objects.update(champion_shift=1.0)
    comparison.refresh_from_db()
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        bundle_rollback(actor=None)
        approval = pool.submit(in_own_connection, lambda: proposal_approve(proposal=proposal, actor=amir))
        with pytest.raises(TimeoutError):
            approval.result(0.3)
        transaction.on_commit(lambda: None)
    with pytest.raises(ProposalRefused, match="Another bundle has been promoted"):
        approval.result(20)
    step = serving_promotion()
    assert step is not None
    assert (step.bundle, step.shift) == (serving, 0.0)


def in_own_connection(call: Callable[[], object]) -> object:
    try:
        return call()
    finally:
        connection.close()


def test_one_proposal_is_open_at_a_time(comparison: Comparison, ada: User, amir: User) -> None:
    first = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    with pytest.raises(ProposalRefused, match="Another proposal is open"):
        proposal_open(comparison=comparison, actor=amir, reason=WHY)
    proposal_reject(proposal=first, actor=amir, remark="Load first.")
    first.refresh_from_db()
    assert first.state == Proposal.State.REJECTED
    proposal_open(comparison=comparison, actor=amir, reason=WHY)


def test_a_closed_proposal_cannot_be_decided_again(comparison: Comparison, ada: User, amir: User) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    proposal_reject(proposal=proposal, actor=ada)
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.WITHDRAWN
    with pytest.raises(ProposalRefused, match="already closed"):
        proposal_approve(proposal=proposal, actor=amir)


def test_a_damaged_bundle_leaves_the_proposal_open(comparison: Comparison, ada: User, amir: User) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    (comparison.candidate.directory / "one.safetensors").write_text("changed")
    with pytest.raises(BundleRefused):
        proposal_approve(proposal=proposal, actor=amir)
    proposal.refresh_from_db()
    assert proposal.is_open


def test_a_rollback_returns_to_the_operating_point_of_before(comparison: Comparison, serving: Bundle) -> None:
    bundle_promote(actor=None, bundle=serving, shift=0.5)
    bundle_promote(actor=None, bundle=comparison.candidate)
    bundle_rollback(actor=None)
    step = Promotion.objects.order_by("-pk").first()
    assert step is not None
    assert (step.bundle, step.shift) == (serving, 0.5)


@pytest.mark.parametrize("role", ["reviewer", "senior", "auditor"])
def test_the_services_refuse_who_lacks_the_right_and_change_nothing(
    comparison: Comparison, serving: Bundle, ada: User, staff: Callable[..., User], role: str
) -> None:
    actor = staff(f"the-{role}", role)
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    shadow = shadow_start(bundle=comparison.candidate, actor=ada)
    run = run_request(snapshot=comparison.snapshot, actor=ada)
    forbidden: list[Callable[[], object]] = [
        lambda: proposal_open(comparison=comparison, actor=actor, reason=WHY),
        lambda: proposal_approve(proposal=proposal, actor=actor),
        lambda: proposal_reject(proposal=proposal, actor=actor),
        lambda: bundle_rollback(actor=actor),
        lambda: bundle_promote(bundle=comparison.candidate, actor=actor),
        lambda: comparison_request(snapshot=comparison.snapshot, candidate=comparison.candidate, actor=actor),
        lambda: run_request(snapshot=comparison.snapshot, actor=actor),
        lambda: job_cancel(job=run, actor=actor),
        lambda: snapshot_request(name="forbidden", actor=actor),
        lambda: snapshot_create(name="forbidden", actor=actor),
        lambda: shadow_start(bundle=comparison.candidate, actor=actor),
        lambda: shadow_end(shadow=shadow, actor=actor),
    ]
    for call in forbidden:
        with pytest.raises(PermissionDenied, match="role admin"):
            call()
    proposal.refresh_from_db()
    assert proposal.is_open
    assert champion() == comparison.champion
    assert Proposal.objects.count() == Promotion.objects.count() == 1
    assert shadow_now() == shadow
    assert Comparison.objects.count() == Snapshot.objects.count() == 1
    assert TrainingRun.objects.get(cancel_asked=False) == run
    assert run.state == TrainingRun.State.QUEUED


# --- in the browser


@pytest.mark.parametrize(
    ("role", "see", "act"),
    [("reviewer", 403, 403), ("senior", 403, 403), ("auditor", 200, 403), ("admin", 200, 302)],
)
def test_who_may_do_what(
    comparison: Comparison, staff: Callable[..., User], amir: User, role: str, see: int, act: int
) -> None:
    client = Client()
    client.force_login(staff(f"the-{role}", role))
    page = f"/retraining/comparisons/{comparison.pk}/"
    assert client.get(page).status_code == see
    body = {"candidate": comparison.candidate.digest, "snapshot": comparison.snapshot.name}
    assert client.post("/retraining/comparisons/", body).status_code == act
    assert client.post(f"{page}proposals/", {"reason": WHY, "shift": "0.0"}).status_code == act
    proposal = Proposal.objects.first() or proposal_open(comparison=comparison, actor=amir, reason=WHY)
    for verb in ("approval", "rejection"):
        assert client.post(f"/retraining/proposals/{proposal.pk}/{verb}/").status_code == act
    assert client.post("/retraining/rollback/", {"reason": "x"}).status_code == act
    assert Promotion.objects.count() == 1


def test_a_refused_proposal_says_why_and_keeps_what_was_typed(comparison: Comparison, ada: User) -> None:
    comparison.report = report(candidate=(20, 190))
    comparison.save(update_fields=["report"])
    client = Client()
    client.force_login(ada)
    answer = client.post(
        f"/retraining/comparisons/{comparison.pk}/proposals/",
        {"reason": WHY, "shift": "0.0", "override": "no"},
    )
    assert answer.status_code == 422
    assert "The gate is closed" in answer.text
    assert WHY in answer.text
    assert not Proposal.objects.exists()


def test_two_admins_promote_and_one_rolls_back(comparison: Comparison, ada: User, amir: User) -> None:
    one, other = Client(), Client()
    one.force_login(ada)
    other.force_login(amir)
    page = one.get(f"/retraining/comparisons/{comparison.pk}/?shift=0.5").text
    assert 'name="shift" value="0.5"' in page
    answer = one.post(
        f"/retraining/comparisons/{comparison.pk}/proposals/",
        {"reason": WHY, "shift": "0.5"},
        follow=True,
    )
    assert "Another admin must approve" in answer.text
    assert "Approve and promote" not in answer.text
    proposal = Proposal.objects.get()
    answer = other.post(f"/retraining/proposals/{proposal.pk}/approval/", {"remark": "fine"}, follow=True)
    assert "workers use it from" in answer.text
    assert champion() == comparison.candidate
    asked = {"reason": "too many flags"}
    assert "Another bundle is in production" in one.post("/retraining/rollback/", asked, follow=True).text
    asked["leaving"] = comparison.candidate.digest
    answer = one.post("/retraining/rollback/", asked, follow=True)
    assert "is in production again" in answer.text
    assert champion() == comparison.champion


def test_an_operating_point_that_is_none_is_not_found(comparison: Comparison, ada: User) -> None:
    client = Client()
    client.force_login(ada)
    for shift in ("0.123", "x", "99"):
        assert client.get(f"/retraining/comparisons/{comparison.pk}/?shift={shift}").status_code == 404


def test_a_comparison_at_work_asks_for_itself(comparison: Comparison, ada: User) -> None:
    Comparison.objects.update(state="queued", report={}, due_at=timezone.now())
    client = Client()
    client.force_login(ada)
    assert 'hx-trigger="every 2s"' in client.get(f"/retraining/comparisons/{comparison.pk}/").text


def test_a_candidate_that_learned_from_an_erased_face_needs_both_admins_to_acknowledge_it(
    serving: Bundle, ready: Snapshot, ada: User, amir: User, decide: Callable[..., Decision], tmp_path: Path
) -> None:
    decision = decide("fake")
    snapshot = snapshot_create(name="learned-from")
    folder = small_bundle(tmp_path / "tuned", {"snapshot_sha256": snapshot.manifest_sha256})
    candidate = bundle_register(path=folder, source="trained")
    comparison = Comparison.objects.create(
        snapshot=ready, champion=serving, candidate=candidate, state="succeeded", report=report()
    )
    submission_erase(submission_id=decision.submission_id, reason="The applicant asked.")
    with pytest.raises(ProposalRefused, match="acknowledge it"):
        proposal_open(comparison=comparison, actor=ada, reason=WHY)
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY, erased_acknowledged=True)
    assert proposal.override == ""
    assert proposal.gate[-1]["answer"] == "failed"
    assert "1 face that was erased" in proposal.gate[-1]["detail"]
    with pytest.raises(ProposalRefused, match="acknowledge it"):
        proposal_approve(proposal=proposal, actor=amir)
    proposal_approve(proposal=proposal, actor=amir, erased_acknowledged=True)
    told = Event.objects.filter(action__in=["promotion.proposed", "promotion.approved"])
    assert [event.detail["erased_acknowledged"] for event in told] == [1, 1]


def test_an_approver_whom_the_proposer_could_have_been_is_refused(
    comparison: Comparison, ada: User, amir: User
) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    password_reissue(person=amir, actor=ada)
    with pytest.raises(ProposalRefused, match="ada set a new password for amir"):
        proposal_approve(proposal=proposal, actor=amir)
    assert champion() == comparison.champion


def test_the_gate_is_evaluated_again_at_approval(comparison: Comparison, ada: User, amir: User) -> None:
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY)
    limits = asdict(Limits.current()) | {"recall_min": 0.99}
    GateSettings.objects.create(**limits, reason=WHY, changed_by=ada)
    with pytest.raises(ProposalRefused, match=r"Recall at least 99%.*Reject it; then propose again"):
        proposal_approve(proposal=proposal, actor=amir)
    assert champion() == comparison.champion
    page = Client()
    page.force_login(amir)
    shown = page.get("/retraining/").content.decode()
    assert "gate-no-longer-holds" in shown
    assert f"/retraining/proposals/{proposal.pk}/approval/" not in shown


def test_what_an_override_explained_still_passes_and_approval_keeps_its_gate(
    comparison: Comparison, ada: User, amir: User
) -> None:
    comparison.report = report(candidate=(14, 190), loads=(360, 1100))
    comparison.save(update_fields=["report"])
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason=WHY, override="Recall comes first here."
    )
    done = proposal_approve(proposal=proposal, actor=amir)
    assert [check["passed"] for check in done.gate_at_approval] == [True, False, False, False, False]
    assert champion() == comparison.candidate


def test_an_override_explains_the_checks_that_it_was_shown_and_no_others(
    comparison: Comparison, ada: User, amir: User
) -> None:
    comparison.report = report(loads=(360, 1100))
    comparison.save(update_fields=["report"])
    proposal = proposal_open(comparison=comparison, actor=ada, reason=WHY, override="Load matters less now.")
    limits = asdict(Limits.current()) | {"audited_fakes": 1000}
    GateSettings.objects.create(**limits, reason=WHY, changed_by=ada)
    with pytest.raises(ProposalRefused, match="Enough audited fakes"):
        proposal_approve(proposal=proposal, actor=amir)
