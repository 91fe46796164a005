"""When scoring stands still, selfies go to people; when it works again, unclaimed items come back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.utils import timezone

from detection.checks import CheckCode, CheckName
from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.pipeline.canary import canary_record
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.standstill import standstill_route, standstill_take_back
from kyc_review.pipeline.submission_leases import lease_batch, lease_fail
from kyc_review.pipeline.tasks import sweep
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import ReviewItem, Skip
from kyc_review.review.release import claim_release
from kyc_review.scoring.models import Canary
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.models import State, Submission
from tests.factories.checks import checks, failing
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
REAL = tuple(Vote(f"member-{i}", 0.1, 0.5) for i in range(5))


@pytest.fixture
def waiting(submit: Callable[..., Submission]) -> Callable[..., Submission]:
    """waiting(700) is a selfie that was posted 700 seconds ago and that no worker took."""

    def make(age_s: float = 700) -> Submission:
        row = submit()
        at = timezone.now() - timedelta(seconds=age_s)
        Submission.objects.filter(pk=row.pk).update(received_at=at, due_at=at)
        row.refresh_from_db()
        return row

    return make


def outcome(row: Submission, found: tuple = ()) -> None:
    leased = lease_batch(holder="w", limit=1)
    assert [one.pk for one in leased] == [row.pk]
    scored = {row.pk: Scored(votes=() if found else REAL, elapsed_ms=1.0, checks=found or checks())}
    assert verdicts_record(holder="w", bundle_version="b", bundle_digest="d" * 64, scored=scored) == 1


def test_what_waits_too_long_without_any_outcome_goes_to_people_with_the_reason(
    waiting: Callable[..., Submission],
) -> None:
    old, young = waiting(601), waiting(300)
    sweep()
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, young.state) == (State.IN_REVIEW, State.RECEIVED)
    item = ReviewItem.objects.get()
    assert (item.submission, item.reason, item.risk) == (old, ReviewItem.Reason.STANDSTILL, 1.0)
    assert Event.objects.get(action="submission.standstill").detail["waited_s"] >= 601


def test_a_long_queue_is_no_standstill_while_selfies_have_outcomes(
    waiting: Callable[..., Submission],
) -> None:
    first, _ = waiting(900), waiting(800)
    outcome(first)
    assert standstill_route() == 0


def test_a_picture_that_was_sent_back_is_an_outcome(waiting: Callable[..., Submission]) -> None:
    first, _ = waiting(900), waiting(800)
    outcome(first, failing(CheckName.FACE_FOUND, CheckCode.NO_FACE))
    assert standstill_route() == 0


def test_the_canary_alone_does_not_hide_a_standstill(waiting: Callable[..., Submission]) -> None:
    waiting(700)
    canary_record(bundle_version="b", elapsed_ms=1)
    assert standstill_route() == 1


def test_the_limit_is_a_setting(waiting: Callable[..., Submission], settings: LazySettings) -> None:
    waiting(100)
    assert standstill_route() == 0
    settings.SCORING_STANDSTILL_S = 60
    assert standstill_route() == 1


def test_what_a_worker_holds_is_left_to_it_and_what_the_sandbox_has_is_never_touched(
    waiting: Callable[..., Submission], submit: Callable[..., Submission]
) -> None:
    held = waiting(700)
    lease_batch(holder="w", limit=1)
    submit(is_test=True)
    Submission.objects.filter(is_test=True).update(received_at=timezone.now() - timedelta(hours=1))
    assert standstill_route() == 0
    Submission.objects.filter(pk=held.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    assert standstill_route() == 1


def test_items_that_nobody_took_are_scored_when_scoring_works_again(
    waiting: Callable[..., Submission],
) -> None:
    rows = [waiting(700 + number) for number in range(3)]
    assert standstill_route() == 3
    assert standstill_take_back() == 1, "one is tried before people lose the others"
    oldest = Submission.objects.get(state=State.RECEIVED)
    outcome(oldest)
    assert standstill_take_back() == 2
    assert not ReviewItem.objects.exists()
    for row in rows:
        row.refresh_from_db()
    assert {row.state for row in rows} == {State.COMPLETED, State.RECEIVED}
    assert Event.objects.filter(action="submission.scoring_resumed").count() == 3


def test_an_item_that_somebody_claimed_stays_and_their_decision_counts(
    waiting: Callable[..., Submission], alice: User, bob: User
) -> None:
    row = waiting()
    standstill_route()
    item = item_claim_next(reviewer=alice)
    assert item is not None
    assert standstill_take_back() == 0
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    second = item_claim_next(reviewer=bob)  # no check was made: one person alone does not clear it
    assert second is not None
    assert standstill_take_back() == 0
    decision_record(item_id=second.pk, reviewer=bob, label="real")
    row.refresh_from_db()
    assert (row.state, row.result) == (State.COMPLETED, "clear")
    assert lease_batch(holder="w", limit=1) == []


@pytest.mark.parametrize(
    "touched",
    [
        {"is_escalated": True},
        {"snoozed_until": timezone.now() + timedelta(minutes=5)},
    ],
)
def test_an_item_that_somebody_put_aside_stays(waiting: Callable[..., Submission], touched: dict) -> None:
    waiting()
    standstill_route()
    ReviewItem.objects.update(**touched)
    assert standstill_take_back() == 0


def test_an_item_that_is_about_to_be_shown_stays(waiting: Callable[..., Submission], alice: User) -> None:
    waiting()
    standstill_route()
    ReviewItem.objects.update(reserved_for=alice, reserved_until=timezone.now() + timedelta(minutes=1))
    assert standstill_take_back() == 0
    ReviewItem.objects.update(reserved_until=timezone.now() - timedelta(seconds=1))
    assert standstill_take_back() == 1


@pytest.mark.django_db(transaction=True)
def test_a_claim_in_the_same_moment_wins(waiting: Callable[..., Submission], alice: User) -> None:
    """The claim's transaction holds the row; taking back skips it instead of waiting for it."""
    from concurrent.futures import ThreadPoolExecutor

    waiting()
    standstill_route()

    def take_back() -> int:
        try:
            return standstill_take_back()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        assert item_claim_next(reviewer=alice) is not None
        assert other.submit(take_back).result(timeout=20) == 0
    assert ReviewItem.objects.get().claimed_by == alice


def test_a_late_verdict_of_a_worker_that_hung_loses_against_the_item(
    waiting: Callable[..., Submission],
) -> None:
    row = waiting(700)
    lease_batch(holder="hung", limit=1)
    Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert standstill_route() == 1
    scored = {row.pk: Scored(votes=REAL, elapsed_ms=1.0, checks=checks())}
    assert verdicts_record(holder="hung", bundle_version="b", bundle_digest="d" * 64, scored=scored) == 0
    row.refresh_from_db()
    assert row.state == State.IN_REVIEW


def test_a_selfie_that_fails_again_after_a_standstill_stays_with_a_person(
    waiting: Callable[..., Submission], settings: LazySettings
) -> None:
    settings.SCORING_ATTEMPTS_MAX = 3
    row = waiting()
    for attempt in range(3):
        assert lease_batch(holder="w", limit=1), attempt
        lease_fail(holder="w", submission_id=row.pk, error="IntegrityError: refused")
        Submission.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(seconds=1))
        if attempt == 1:
            assert standstill_route() == 1
            assert standstill_take_back() == 1
    sweep()
    assert standstill_take_back() == 0
    item = ReviewItem.objects.get()
    assert (item.submission, item.reason) == (row, ReviewItem.Reason.UNSCORABLE)


def test_a_standstill_lasts_until_scoring_works_also_when_people_were_given_everything(
    waiting: Callable[..., Submission],
) -> None:
    waiting()
    canary_record(bundle_version="b", elapsed_ms=1)
    Canary.objects.update(finished_at=timezone.now() - timedelta(seconds=700))
    assert standstill_route() == 1
    state = scoring_state()
    assert (state.is_standing_still, state.waiting, state.given_to_people) == (True, 1, 1)
    assert state.oldest_at is not None
    canary_record(bundle_version="b", elapsed_ms=1)
    assert not scoring_state().is_standing_still


def test_a_selfie_that_cannot_be_scored_is_no_standstill(
    waiting: Callable[..., Submission], settings: LazySettings
) -> None:
    row = waiting()
    Submission.objects.filter(pk=row.pk).update(attempts=settings.SCORING_ATTEMPTS_MAX)
    sweep()
    assert ReviewItem.objects.get().reason == ReviewItem.Reason.UNSCORABLE
    assert not scoring_state().is_standing_still


@pytest.mark.parametrize("said", ["first call", "skip"])
def test_what_a_person_said_of_an_item_keeps_it_with_people(
    waiting: Callable[..., Submission], alice: User, said: str
) -> None:
    row = waiting()
    standstill_route()
    ReviewItem.objects.update(is_blind=True)
    item = item_claim_next(reviewer=alice)
    assert item is not None
    if said == "first call":
        first_call_record(item_id=item.pk, reviewer=alice, label="fake")
        claim_release(item_id=item.pk, reviewer=alice)
        Skip.objects.all().delete()
    else:
        claim_release(item_id=item.pk, reviewer=alice)
    assert ReviewItem.objects.get().state == ReviewItem.State.OPEN
    assert standstill_take_back() == 0
    row.refresh_from_db()
    assert row.state == State.IN_REVIEW
