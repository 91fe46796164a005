"""Erasing a submission: what goes, what stays, and that nothing brings it back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import Client

from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.evidence import derivatives as display
from kyc_review.evidence.models import Evidence, Fingerprint, Likeness
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch, lease_fail
from kyc_review.review.calibration import gold_add
from kyc_review.review.claims import ClaimLost
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import TooLate, decision_record, decision_undo
from kyc_review.review.models import AuditDraw, Decision, Gold, ReviewItem
from kyc_review.review.release import item_hand_over
from kyc_review.submissions.models import LateOutcome, State, Submission
from kyc_review.submissions.storage import derivatives, originals
from tests.factories.checks import checks
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
REASON = "The applicant asked."
NAMED = {"applicant_ref": "p-1", "metadata": {"branch": "12"}}


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Callable) -> Callable[..., Submission]:
    """committing(submission) erases it, and the transaction commits."""

    def erase(row: Submission, *, actor: User | None = None) -> Submission:
        with django_capture_on_commit_callbacks(execute=True):
            submission_erase(submission_id=row.pk, reason=REASON, actor=actor)
        return Submission.objects.get(pk=row.pk)

    return erase


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_showed_or_named_the_applicant_goes_and_the_bare_row_stays(
    decide: Callable[..., Decision],
    committing: Callable[..., Submission],
    staff: Callable[..., User],
    submit: Callable[..., Submission],
    private_data: Path,
) -> None:
    decision = decide("fake", **NAMED)
    row = Submission.objects.get(pk=decision.submission_id)
    other = submit()
    display.derivative_ensure(row)
    evidence, _ = Evidence.objects.get_or_create(submission=row)
    derivatives.save(evidence.key_of("ela.png"), ContentFile(b"x"))
    for pk in (row.pk, other.pk):
        Fingerprint.objects.create(submission_id=pk, coarse=1, fine=b"\0" * 32)
    Likeness.objects.create(submission=other, earlier=row, bits_apart=0, same_file=False)
    LateOutcome.objects.create(submission=row, finding="confirmed_fraud", note="Mr. X", reported_by="k")
    kept = len(files(private_data))
    ada = staff("ada", "admin")
    erased = committing(row, actor=ada)
    assert (erased.external_ref, erased.applicant_ref, erased.metadata) == ("", "", {})
    assert (erased.state, erased.result) == (State.COMPLETED, "rejected")
    assert kept - len(files(private_data)) == 3
    assert not originals.exists(row.image_key)
    assert originals.exists(other.image_key)
    assert not (Path(derivatives.path(evidence.key_of("ela.png"))).parent).exists()
    assert not Evidence.objects.filter(submission=row).exists()
    assert list(Fingerprint.objects.values_list("pk", flat=True)) == [other.pk]
    assert not Likeness.objects.exists()
    assert LateOutcome.objects.get().note == ""
    assert Decision.objects.get().label == "fake"
    assert erased.scoring.votes.count() == 5
    told = Event.objects.get(action="submission.erased")
    assert (told.actor_name, told.target_id, told.detail["reason"]) == ("ada", str(row.pk), REASON)
    assert "application" not in json.dumps(list(Event.objects.values_list("detail", flat=True)))


def test_notes_and_messages_are_emptied_by_an_erasure_alone(
    enqueue: Callable[..., ReviewItem],
    alice: User,
    bob: User,
) -> None:
    item = enqueue("split_vote", 0.4)
    item_claim_next(reviewer=alice)
    item_hand_over(item_id=item.pk, reviewer=alice, to=bob, message="is this Mr. X?")
    item_claim_next(reviewer=bob)
    decision = decision_record(item_id=item.pk, reviewer=bob, label="real")
    decision_correct(item_id=decision.item_id, corrector=bob, label="fake", note="looks like Mr. X")
    with pytest.raises(DatabaseError, match=r"immutable|permission denied"), transaction.atomic():
        Decision.objects.update(note="")
    submission_erase(submission_id=decision.submission_id, reason=REASON)
    assert set(Decision.objects.values_list("note", "label")) == {("", "real"), ("", "fake")}
    assert ReviewItem.objects.get().message == ""
    assert "Mr. X" not in json.dumps(list(Event.objects.values_list("detail", flat=True)))
    for change in ({"note": "again"}, {"label": "real"}):
        with pytest.raises(DatabaseError, match=r"immutable|permission denied"), transaction.atomic():
            Decision.objects.filter(label="fake").update(**change)
    with pytest.raises(DatabaseError, match=r"immutable|permission denied"), transaction.atomic():
        ReviewItem.objects.update(state="open", decided_at=None)
    with pytest.raises(ClaimLost, match="erased"):
        decision_correct(item_id=decision.item_id, corrector=bob, label="real")


def test_it_needs_a_reason_and_is_safe_to_repeat(submit: Callable[..., Submission]) -> None:
    row = submit()
    with pytest.raises(ValueError, match="why"):
        submission_erase(submission_id=row.pk, reason=" ")
    first = submission_erase(submission_id=row.pk, reason=REASON)
    again = submission_erase(submission_id=row.pk, reason="once more")
    assert first.erased_at == again.erased_at
    assert Event.objects.filter(action="submission.erased").count() == 1


def test_the_command_says_when_and_why_it_was_erased_already(
    submit: Callable[..., Submission], capsys: pytest.CaptureFixture[str]
) -> None:
    row = submit()
    call_command("submission", "erase", str(row.pk), "--reason", "Art. 17")
    row.refresh_from_db()
    assert "already" not in capsys.readouterr().out
    call_command("submission", "erase", str(row.pk), "--reason", "GDPR request 1")
    said = capsys.readouterr().out
    assert "erased already" in said
    assert f"{row.erased_at:%Y-%m-%d %H:%M:%S}" in said
    assert '"Art. 17"' in said
    assert Event.objects.filter(action="submission.erased").count() == 1


def test_the_database_keeps_an_erased_row_bare(submit: Callable[..., Submission]) -> None:
    submission_erase(submission_id=submit().pk, reason=REASON)
    with pytest.raises(DatabaseError, match="submission_erased_is_bare"), transaction.atomic():
        Submission.objects.update(applicant_ref="p-1")


def test_a_verdict_in_flight_does_not_bring_it_back(
    submit: Callable[..., Submission], committing: Callable[..., Submission]
) -> None:
    row = submit()
    lease_batch(holder="w", limit=1)
    erased = committing(row)
    assert (erased.state, erased.lease_holder) == (State.CANCELLED, "")
    votes = tuple(Vote(f"member-{n}", 0.9, 0.5) for n in range(5))
    late = {row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())}
    assert verdicts_record(holder="w", bundle_version="b", bundle_digest="d" * 64, scored=late) == 0
    lease_fail(holder="w", submission_id=row.pk, error="the file is gone")
    assert lease_batch(holder="w", limit=1) == []
    assert not ReviewItem.objects.exists()
    assert not Fingerprint.objects.exists()


def test_an_open_item_is_withdrawn(enqueue: Callable[..., ReviewItem], alice: User) -> None:
    item = enqueue("split_vote", 0.4)
    submission_erase(submission_id=item.submission_id, reason=REASON)
    assert item_claim_next(reviewer=alice) is None
    item.refresh_from_db()
    assert (item.state, item.submission.state) == ("decided", "cancelled")
    assert Event.objects.get(action="item.withdrawn").detail["why"] == "erased"


def test_the_holder_of_an_item_is_told_clearly(
    claimed: ReviewItem, alice: User, login: Callable[[User], Client]
) -> None:
    submission_erase(submission_id=claimed.submission_id, reason=REASON)
    window: Client = login(alice)
    beat = window.post(f"/review/items/{claimed.pk}/claim/", HTTP_HX_REQUEST="true")
    assert beat.status_code == 409
    assert "erased" in beat.content.decode()
    answer = {"label": "fake", "note": "mine", "shown_item": claimed.pk}
    decided = window.post(f"/review/items/{claimed.pk}/decision/", answer)
    assert decided.status_code == 409
    assert not Decision.objects.exists()


def test_a_decision_in_its_seconds_of_undo_is_made_final_first(
    claimed: ReviewItem,
    alice: User,
    settings: LazySettings,
) -> None:
    settings.UNDO_WINDOW_S, settings.SECOND_REVIEW_SHARE = 10, 0.0
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    row = submission_erase(submission_id=claimed.submission_id, reason=REASON)
    assert (row.state, row.result) == (State.COMPLETED, "rejected")
    with pytest.raises(TooLate):
        decision_undo(item_id=claimed.pk, reviewer=alice)


def test_a_second_review_that_it_would_have_asked_for_is_withdrawn_too(
    claimed: ReviewItem,
    alice: User,
    settings: LazySettings,
) -> None:
    settings.UNDO_WINDOW_S, settings.SECOND_REVIEW_SHARE = 10, 1.0
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    row = submission_erase(submission_id=claimed.submission_id, reason=REASON)
    assert row.state == State.CANCELLED
    assert not ReviewItem.objects.exclude(state="decided").exists()


def test_nobody_is_calibrated_with_it_and_an_unjudged_draw_goes(
    clear: Callable[..., Submission],
    staff: Callable[..., User],
    settings: LazySettings,
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = clear()
    senior = staff("sara", "senior")
    gold_add(submission_id=row.pk, senior=senior, label="real")
    submission_erase(submission_id=row.pk, reason=REASON)
    assert not Gold.objects.get().is_active
    assert not AuditDraw.objects.exists()
    with pytest.raises(ValueError, match="completed"):
        gold_add(submission_id=row.pk, senior=senior, label="real")
