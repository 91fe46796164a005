import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review.claims import ClaimLost, claim_renew
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem, Skip
from kyc_review.review.opening import items_open
from kyc_review.review.release import claim_release
from kyc_review.review.tasks import sweep
from kyc_review.submissions.models import Result, State, Submission
from tests.factories.claims import expire, item_claim_next
from tests.factories.concurrency import at_once

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


def claim(reviewer: User) -> ReviewItem:
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    return item


def test_items_are_handed_out_by_reason_then_risk_then_age(enqueue: Enqueue, staff: Callable) -> None:
    late_split = enqueue("split_vote", 0.3)
    sure_split = enqueue("split_vote", 0.9)
    unscorable = enqueue("unscorable", 1.0)
    mild_fake = enqueue("unanimous_fake", 0.6)
    early_split = enqueue("split_vote", 0.3)
    ReviewItem.objects.filter(pk=early_split.pk).update(opened_at=Now() - dt.timedelta(hours=1))
    handed = [claim(staff(f"person-{number}", "reviewer")).pk for number in range(5)]
    assert handed == [item.pk for item in (mild_fake, sure_split, early_split, late_split, unscorable)]


def test_claiming_twice_gives_the_item_already_held(enqueue: Enqueue, alice: User) -> None:
    enqueue()
    enqueue()
    assert claim(alice) == claim(alice)
    assert ReviewItem.objects.filter(state="claimed").count() == 1


def test_nothing_is_claimed_when_nothing_waits(alice: User) -> None:
    assert item_claim_next(reviewer=alice) is None


def test_a_claim_lasts_as_long_as_the_setting_says(claimed: ReviewItem, settings: LazySettings) -> None:
    assert claimed.claimed_at is not None
    assert claimed.claim_expires_at is not None
    assert claimed.claim_expires_at - claimed.claimed_at == dt.timedelta(seconds=settings.CLAIM_LEASE_S)


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_never_get_the_same_item(enqueue: Enqueue, staff: Callable) -> None:
    for _ in range(12):
        enqueue()
    people = [staff(f"person-{number}", "reviewer") for number in range(6)]
    got: list[int] = []

    def work(person: User) -> None:
        for _ in range(2):
            item = claim(person)
            got.append(item.pk)
            decision_record(item_id=item.pk, reviewer=person, label="real")

    at_once(people, work)
    assert len(got) == 12
    assert len(set(got)) == 12


@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_over_an_item_that_another_transaction_is_taking(
    enqueue: Enqueue, alice: User, bob: User
) -> None:
    first, second = enqueue(risk=0.9), enqueue(risk=0.1)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            assert claim(bob) == first
            holding.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    assert claim(alice) == second
    done.set()
    thread.join()


def test_a_renewed_claim_lasts_longer(claimed: ReviewItem, alice: User) -> None:
    ReviewItem.objects.filter(pk=claimed.pk).update(claim_expires_at=Now() + dt.timedelta(seconds=5))
    claim_renew(item_id=claimed.pk, reviewer=alice)
    soon = ReviewItem.objects.get(pk=claimed.pk).claim_expires_at
    assert soon is not None
    assert claimed.claimed_at is not None
    assert soon > claimed.claimed_at + dt.timedelta(seconds=500)


def test_an_expired_claim_cannot_be_renewed(claimed: ReviewItem, alice: User) -> None:
    expire(claimed)
    with pytest.raises(ClaimLost, match="has ended"):
        claim_renew(item_id=claimed.pk, reviewer=alice)


def test_a_decision_completes_the_submission_and_is_audited(claimed: ReviewItem, alice: User) -> None:
    decision = decision_record(item_id=claimed.pk, reviewer=alice, label="fake", note="pasted nose")
    claimed.refresh_from_db()
    submission = Submission.objects.get(pk=claimed.submission_id)
    assert (claimed.state, claimed.claimed_by, claimed.decided_at is None) == ("decided", None, False)
    assert (submission.state, submission.result) == (State.COMPLETED, Result.REJECTED)
    assert (decision.label, decision.note, decision.reviewer) == ("fake", "pasted nose", alice)
    assert 0 <= decision.handling_ms < 60_000
    event = Event.objects.get(action="item.decided")
    assert (event.actor_name, event.target_id, event.detail["label"]) == ("alice", str(claimed.pk), "fake")


def test_real_clears_the_submission(claimed: ReviewItem, alice: User) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="real")
    assert Submission.objects.get(pk=claimed.submission_id).result == Result.CLEAR


def unchanged(item: ReviewItem) -> bool:
    submission = Submission.objects.get(pk=item.submission_id)
    return not Decision.objects.exists() and submission.state == State.IN_REVIEW


def test_late_decision_loses_after_claim_expired(claimed: ReviewItem, alice: User) -> None:
    expire(claimed)
    with pytest.raises(ClaimLost, match="has ended"):
        decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    assert unchanged(claimed)


def test_decision_loses_when_a_colleague_holds_the_item(claimed: ReviewItem, alice: User, bob: User) -> None:
    expire(claimed)
    assert claim(bob) == claimed
    with pytest.raises(ClaimLost, match="colleague holds"):
        decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    assert unchanged(claimed)
    assert ReviewItem.objects.get(pk=claimed.pk).claimed_by == bob


def test_a_second_decision_loses(claimed: ReviewItem, alice: User) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    with pytest.raises(ClaimLost, match="decided already"):
        decision_record(item_id=claimed.pk, reviewer=alice, label="real")
    assert Decision.objects.get().label == "fake"


def test_an_unknown_item_is_a_lost_claim(alice: User) -> None:
    with pytest.raises(ClaimLost, match="does not exist"):
        decision_record(item_id=999, reviewer=alice, label="fake")


def test_an_unknown_label_changes_nothing(claimed: ReviewItem, alice: User) -> None:
    with pytest.raises(ValueError):
        decision_record(item_id=claimed.pk, reviewer=alice, label="maybe")
    assert unchanged(claimed)


def test_a_submission_completed_otherwise_says_so_and_closes_the_item(
    claimed: ReviewItem, alice: User
) -> None:
    Submission.objects.filter(pk=claimed.submission_id).update(
        state=State.COMPLETED, result=Result.CLEAR, completed_at=Now()
    )
    with pytest.raises(ClaimLost, match="completed otherwise"):
        decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    assert ReviewItem.objects.get(pk=claimed.pk).state == "decided"
    assert not Decision.objects.exists()


def test_a_skipped_item_goes_to_others_and_comes_back_only_when_asked(
    claimed: ReviewItem, alice: User, bob: User
) -> None:
    claim_release(item_id=claimed.pk, reviewer=alice)
    assert item_claim_next(reviewer=alice) is None
    assert item_claim_next(reviewer=alice, include_skipped=True) == claimed
    claim_release(item_id=claimed.pk, reviewer=alice)
    assert claim(bob) == claimed
    assert Skip.objects.count() == 1


def test_nobody_releases_a_colleagues_claim(claimed: ReviewItem, bob: User) -> None:
    with pytest.raises(ClaimLost):
        claim_release(item_id=claimed.pk, reviewer=bob)
    assert ReviewItem.objects.get(pk=claimed.pk).state == "claimed"


def test_the_sweep_returns_expired_claims_and_only_those(enqueue: Enqueue, alice: User, bob: User) -> None:
    enqueue()
    enqueue()
    over, live = claim(alice), claim(bob)
    expire(over)
    assert sweep() == 1
    assert sweep() == 0
    assert ReviewItem.objects.get(pk=over.pk).state == "open"
    assert ReviewItem.objects.get(pk=live.pk).claimed_by == bob
    assert Event.objects.get(action="item.claim_expired").detail["holder"] == alice.pk


def test_an_expired_claim_is_handed_out_without_waiting_for_the_sweep(claimed: ReviewItem, bob: User) -> None:
    expire(claimed)
    assert claim(bob) == claimed


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_readers_never_act(claimed: ReviewItem, staff: Callable, role: str) -> None:
    reader = staff("reader", role)
    for act in (
        lambda: item_claim_next(reviewer=reader),
        lambda: claim_renew(item_id=claimed.pk, reviewer=reader),
        lambda: claim_release(item_id=claimed.pk, reviewer=reader),
        lambda: decision_record(item_id=claimed.pk, reviewer=reader, label="real"),
    ):
        with pytest.raises(PermissionDenied):
            act()
    assert unchanged(claimed)


def test_opening_a_submission_twice_opens_one_item(enqueue: Enqueue) -> None:
    item = enqueue()
    items_open([(item.submission_id, "split_vote", 0.4)])
    assert ReviewItem.objects.count() == 1


def test_the_database_refuses_half_a_claim(enqueue: Enqueue, alice: User) -> None:
    item = enqueue()
    with pytest.raises(IntegrityError, match="claim_fields_all_or_none"):
        ReviewItem.objects.filter(pk=item.pk).update(claimed_by=alice)


def test_the_database_refuses_to_change_what_was_decided(claimed: ReviewItem, alice: User) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    for change in (
        lambda: Decision.objects.update(label="real"),
        lambda: ReviewItem.objects.filter(pk=claimed.pk).update(state="open", decided_at=None),
    ):
        with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
            change()
