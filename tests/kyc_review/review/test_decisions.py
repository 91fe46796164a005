"""Taking back, settling, correcting, and the first call of blind items."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review import selectors
from kyc_review.review.claims import ClaimLost
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import TooLate, decision_record, decision_undo, first_call_record
from kyc_review.review.models import Decision, DecisionUndo, FirstCall, ReviewItem
from kyc_review.review.tasks import sweep
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next
from tests.factories.concurrency import until_a_lock_is_waited_for

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


@pytest.fixture
def ten_seconds(settings: LazySettings) -> None:
    settings.UNDO_WINDOW_S = 10


def decide(item: ReviewItem, reviewer: User, label: str = "fake", **said: Any) -> Decision:
    return decision_record(item_id=item.pk, reviewer=reviewer, label=label, **said)


def seconds_pass(item: ReviewItem) -> None:
    ReviewItem.objects.filter(pk=item.pk).update(settles_at=Now() - dt.timedelta(seconds=1))


def result_of(item: ReviewItem) -> tuple[str, str, str]:
    row = Submission.objects.get(pk=item.submission_id)
    return row.state, row.result, row.result_reason


@pytest.mark.usefixtures("ten_seconds")
def test_the_submission_waits_until_the_decision_can_no_longer_be_taken_back(
    claimed: ReviewItem, alice: User
) -> None:
    decide(claimed, alice)
    assert sweep() == 0
    assert result_of(claimed)[0] == "in_review"
    seconds_pass(claimed)
    assert sweep() == 1
    assert sweep() == 0
    assert result_of(claimed)[:2] == ("completed", "rejected")
    assert ReviewItem.objects.get(pk=claimed.pk).state == "decided"


@pytest.mark.usefixtures("ten_seconds")
def test_undo_gives_the_item_back_and_keeps_the_next_one_for_the_same_person(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    following = enqueue(risk=0.1)
    decide(claimed, alice)
    assert item_claim_next(reviewer=alice) == following
    decision_undo(item_id=claimed.pk, reviewer=alice)
    assert list(selectors.items_held(viewer=alice)) == [claimed]
    assert item_claim_next(reviewer=bob) is None
    assert not Decision.objects.standing().exists()
    decide(claimed, alice, "real")
    assert item_claim_next(reviewer=alice) == following
    seconds_pass(claimed)
    sweep()
    assert result_of(claimed)[1] == "clear"
    assert Decision.objects.final().get().label == "real"


@pytest.mark.usefixtures("ten_seconds")
def test_too_late_or_somebody_else_undoes_nothing(claimed: ReviewItem, alice: User, bob: User) -> None:
    decide(claimed, alice)
    with pytest.raises(TooLate):
        decision_undo(item_id=claimed.pk, reviewer=bob)
    seconds_pass(claimed)
    with pytest.raises(TooLate):
        decision_undo(item_id=claimed.pk, reviewer=alice)
    assert not DecisionUndo.objects.exists()


@pytest.mark.usefixtures("ten_seconds")
def test_only_its_author_is_offered_to_undo(claimed: ReviewItem, alice: User, bob: User) -> None:
    decide(claimed, alice)
    offered = selectors.act_undoable(viewer=alice)
    assert offered is not None
    assert (offered.item_id, offered.label, 8 <= offered.remaining_s <= 10) == (claimed.pk, "Fake", True)
    assert selectors.act_undoable(viewer=bob) is None


def test_not_assessable_asks_for_another_selfie_with_the_reason(claimed: ReviewItem, alice: User) -> None:
    decide(claimed, alice, "not_assessable", obstacle="blurred")
    assert result_of(claimed) == ("completed", "resubmit", "blurred")


def test_not_assessable_needs_a_reason(claimed: ReviewItem, alice: User) -> None:
    with pytest.raises((ValueError, KeyError)):
        decide(claimed, alice, "not_assessable", obstacle="")
    assert not Decision.objects.exists()


def test_parts_methods_and_regions_belong_to_fake_alone(claimed: ReviewItem, alice: User) -> None:
    box = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.1}
    marks: dict[str, Any] = {"parts": ["eyes"], "methods": ["swap"], "regions": [box]}
    made = decide(claimed, alice, "real", **marks)
    assert (made.parts, made.methods, made.regions) == ([], [], [])
    fake = decision_correct(item_id=claimed.pk, corrector=alice, label="fake", **marks)
    assert (fake.parts, fake.methods, fake.regions) == (["eyes"], ["swap"], [box])
    real = decision_correct(item_id=claimed.pk, corrector=alice, label="real", **marks)
    assert (real.parts, real.methods, real.regions) == ([], [], [])


def test_a_correction_is_a_new_row_and_overturns_the_submission(
    claimed: ReviewItem, alice: User, staff: Callable
) -> None:
    first = decide(claimed, alice)
    made = decision_correct(item_id=claimed.pk, corrector=staff("sue", "senior"), label="real")
    assert made.corrects == first
    assert result_of(claimed)[1] == "clear"
    assert Event.objects.get(action="submission.overturned").detail["from"] == "rejected"
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Decision.objects.filter(pk=first.pk).update(label="real")


def test_a_colleague_who_is_no_senior_corrects_nothing(claimed: ReviewItem, alice: User, bob: User) -> None:
    decide(claimed, alice)
    with pytest.raises(PermissionDenied):
        decision_correct(item_id=claimed.pk, corrector=bob, label="real")
    assert decision_correct(item_id=claimed.pk, corrector=alice, label="real")


@pytest.mark.django_db(transaction=True)
def test_a_correction_beside_an_erasure_writes_nothing_about_the_applicant(
    claimed: ReviewItem, alice: User
) -> None:
    decide(claimed, alice, "real")

    def correct() -> None:
        try:
            decision_correct(item_id=claimed.pk, corrector=alice, label="fake", note="It is Mr. X")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            submission_erase(submission_id=claimed.submission_id, reason="The applicant asked.")
            waiting = other.submit(correct)
            until_a_lock_is_waited_for()
        with pytest.raises(ClaimLost, match="erased"):
            waiting.result(10)
    assert list(Decision.objects.values_list("note", flat=True)) == [""]


@pytest.mark.usefixtures("ten_seconds")
def test_what_may_still_be_taken_back_is_not_corrected(claimed: ReviewItem, alice: User) -> None:
    decide(claimed, alice)
    with pytest.raises(ClaimLost, match="final"):
        decision_correct(item_id=claimed.pk, corrector=alice, label="real")


def test_a_blind_item_shows_votes_and_evidence_only_after_the_first_call(
    claimed: ReviewItem, alice: User, staff: Callable
) -> None:
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)

    def is_blinded(viewer: User) -> bool:
        shown = selectors.item_in_focus(viewer=viewer, item_id=claimed.pk)
        assert shown is not None
        return bool(shown.is_blinded)  # type: ignore[attr-defined]

    assert is_blinded(alice)
    first_call_record(item_id=claimed.pk, reviewer=alice, label="real")
    assert not is_blinded(alice)
    assert is_blinded(staff("sue", "senior"))
    decide(claimed, alice)
    assert FirstCall.objects.get().label == "real"
    assert Decision.objects.get().label == "fake"


def test_deciding_a_blind_item_at_once_is_the_first_call(claimed: ReviewItem, alice: User) -> None:
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    decide(claimed, alice)
    assert FirstCall.objects.get().label == "fake"


def test_a_first_call_needs_the_claim_and_is_not_changed(claimed: ReviewItem, alice: User, bob: User) -> None:
    with pytest.raises(ClaimLost):
        first_call_record(item_id=claimed.pk, reviewer=bob, label="real")
    for label in ("real", "fake"):
        first_call_record(item_id=claimed.pk, reviewer=alice, label=label)
    assert FirstCall.objects.get().label == "real"
