"""Skip, snooze, escalate, hand over, take back, and the item that is kept ahead."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review import selectors
from kyc_review.review.assignment import item_claim
from kyc_review.review.claims import ClaimLost, claim_renew, held_by, item_reserve_next
from kyc_review.review.decisions import decision_record, decision_undo
from kyc_review.review.models import OutcomeExposure, ReviewItem, Skip
from kyc_review.review.release import (
    ReleaseRefused,
    claim_release,
    claim_take_back,
    item_escalate,
    item_hand_over,
    item_snooze,
)
from tests.factories.claims import claim_next, item_claim_next
from tests.factories.concurrency import at_once

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


def ended(item: ReviewItem, **fields: str) -> None:
    past = Now() - dt.timedelta(seconds=1)
    ReviewItem.objects.filter(pk=item.pk).update(**dict.fromkeys(fields or {"reserved_until": ""}, past))


def test_a_skip_keeps_its_reason(claimed: ReviewItem, alice: User) -> None:
    claim_release(item_id=claimed.pk, reviewer=alice, reason="known")
    assert Skip.objects.get().reason == "known"
    assert Event.objects.get(action="item.skipped").detail["reason"] == "known"


def test_a_snoozed_item_sleeps_for_everybody_and_comes_back(
    claimed: ReviewItem, alice: User, bob: User
) -> None:
    item_snooze(item_id=claimed.pk, reviewer=alice, minutes=15)
    assert item_claim_next(reviewer=bob) is None
    ended(claimed, snoozed_until="")
    assert item_claim_next(reviewer=alice) == claimed


def test_an_odd_snooze_is_refused(claimed: ReviewItem, alice: User) -> None:
    with pytest.raises(ReleaseRefused):
        item_snooze(item_id=claimed.pk, reviewer=alice, minutes=7)
    assert ReviewItem.objects.get(pk=claimed.pk).state == "claimed"


def test_an_escalated_item_goes_to_seniors_first_and_never_to_its_escalator(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User, staff: Callable
) -> None:
    other = enqueue("unanimous_fake", 1.0)
    sue = staff("sue", "senior")
    item_escalate(item_id=claimed.pk, reviewer=alice, message="Twin?")
    assert item_claim_next(reviewer=bob) == other
    assert item_claim_next(reviewer=alice) is None
    assert item_claim_next(reviewer=sue) == claimed
    assert ReviewItem.objects.get(pk=claimed.pk).message == "Twin?"
    claim_release(item_id=claimed.pk, reviewer=sue)


def test_without_another_senior_nothing_is_escalated(claimed: ReviewItem, alice: User) -> None:
    with pytest.raises(ReleaseRefused, match="no other senior"):
        item_escalate(item_id=claimed.pk, reviewer=alice)


def test_a_senior_never_gets_their_own_escalation_back(enqueue: Enqueue, staff: Callable) -> None:
    enqueue()
    sue, sam = staff("sue", "senior"), staff("sam", "senior")
    item = claim_next(sue)
    item_escalate(item_id=item.pk, reviewer=sue)
    assert item_claim_next(reviewer=sue) is None
    assert item_claim_next(reviewer=sam) == item


def test_a_handed_over_item_waits_for_that_person_and_then_for_everybody(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User, staff: Callable
) -> None:
    carol, urgent = staff("carol", "reviewer"), enqueue("unanimous_fake", 1.0)
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob, message="You know these.")
    assert item_claim_next(reviewer=carol) == urgent
    assert item_claim_next(reviewer=alice) is None
    ended(claimed)
    assert item_claim_next(reviewer=alice) == claimed


def test_what_was_handed_over_comes_first_for_its_receiver(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    enqueue("unanimous_fake", 1.0)
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    assert item_claim_next(reviewer=bob) == claimed


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_nobody_hands_over_to_a_reader(claimed: ReviewItem, alice: User, staff: Callable, role: str) -> None:
    with pytest.raises(ReleaseRefused):
        item_hand_over(item_id=claimed.pk, reviewer=alice, to=staff("reader", role))


def test_only_seniors_take_back(claimed: ReviewItem, alice: User, bob: User, staff: Callable) -> None:
    with pytest.raises(PermissionDenied):
        claim_take_back(item_id=claimed.pk, senior=bob)
    claim_take_back(item_id=claimed.pk, senior=staff("sue", "senior"))
    with pytest.raises(ClaimLost):
        claim_renew(item_id=claimed.pk, reviewer=alice)
    assert item_claim_next(reviewer=bob) == claimed
    assert Event.objects.get(action="item.taken_back").detail["holder"] == alice.pk


def test_the_item_kept_ahead_is_given_to_others_only_when_nothing_else_waits(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User, staff: Callable[..., User]
) -> None:
    following, last = enqueue(risk=0.2), enqueue(risk=0.1)
    assert item_reserve_next(reviewer=alice) == following
    assert item_reserve_next(reviewer=alice) == following
    assert ReviewItem.objects.filter(reserved_for=alice).count() == 1
    assert item_claim_next(reviewer=bob) == last
    carol = staff("carol", "reviewer")
    assert item_reserve_next(reviewer=bob) is None, "a reservation does not take another"
    assert item_claim_next(reviewer=carol) == following
    row = ReviewItem.objects.get(pk=following.pk)
    assert (row.claimed_by, row.reserved_for, row.is_reserved_ahead) == (carol, None, False)
    decision_record(item_id=claimed.pk, reviewer=alice, label="real")
    assert item_claim_next(reviewer=alice) is None, "their page shows the empty queue instead"


def test_what_was_handed_over_or_came_back_by_an_undo_is_no_last_item_for_others(
    enqueue: Enqueue,
    claimed: ReviewItem,
    alice: User,
    bob: User,
    staff: Callable[..., User],
    settings: LazySettings,
) -> None:
    settings.UNDO_WINDOW_S = 60
    carol = staff("carol", "reviewer")
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    assert item_claim_next(reviewer=carol) is None
    assert item_claim_next(reviewer=bob) == claimed
    decision_record(item_id=claimed.pk, reviewer=bob, label="real")
    following = enqueue()
    assert item_claim_next(reviewer=bob) == following
    decision_undo(item_id=claimed.pk, reviewer=bob)
    assert item_claim_next(reviewer=carol) is None, "bob was at work on it"
    assert item_reserve_next(reviewer=bob) == following
    assert item_claim_next(reviewer=carol) is None, "fetching it ahead does not weaken that"


def test_a_reservation_that_has_ended_is_free_for_all(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    following = enqueue(risk=0.1)
    assert item_reserve_next(reviewer=alice) == following
    ended(following)
    assert item_claim_next(reviewer=bob) == following


def test_keeping_ahead_never_shortens_a_handover(
    claimed: ReviewItem, enqueue: Enqueue, alice: User, bob: User
) -> None:
    enqueue(risk=0.1)
    assert item_claim_next(reviewer=bob)
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    before = ReviewItem.objects.get(pk=claimed.pk).reserved_until
    assert item_reserve_next(reviewer=bob) == claimed
    assert ReviewItem.objects.get(pk=claimed.pk).reserved_until == before


def test_nothing_is_kept_for_somebody_who_holds_nothing(enqueue: Enqueue, alice: User) -> None:
    enqueue()
    assert item_reserve_next(reviewer=alice) is None


def test_only_the_person_it_is_kept_for_may_fetch_the_picture_ahead(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    following = enqueue(risk=0.1)
    item_reserve_next(reviewer=alice)
    assert following in selectors.faces_shown(viewer=alice)
    assert following not in selectors.items_in_focus(viewer=alice)
    assert following not in selectors.faces_shown(viewer=bob)
    ended(following)
    assert following not in selectors.faces_shown(viewer=alice)


@pytest.mark.django_db(transaction=True)
def test_reviewers_who_keep_ahead_at_once_never_share_an_item(enqueue: Enqueue, staff: Callable) -> None:
    for _ in range(16):
        enqueue()
    people = [staff(f"person-{number}", "reviewer") for number in range(4)]
    judged: list[int] = []

    def work(person: User) -> None:
        while item := item_claim_next(reviewer=person):
            item_reserve_next(reviewer=person)
            judged.append(item.pk)
            decision_record(item_id=item.pk, reviewer=person, label="real")

    at_once(people, work)
    assert len(judged) == len(set(judged)) == 16


@pytest.mark.django_db(transaction=True)
def test_people_who_take_each_others_reservations_never_hold_the_same_item(
    enqueue: Enqueue, staff: Callable
) -> None:
    """Three items for four people: each claim that finds none free goes for what a colleague has reserved."""
    for _ in range(3):
        enqueue()
    people = [staff(f"person-{number}", "reviewer") for number in range(4)]
    held: list[int] = []

    def work(person: User) -> None:
        for _ in range(15):
            if item := item_claim_next(reviewer=person):
                item_reserve_next(reviewer=person)
                held.append(item.pk)
                assert held_by(person.pk, item.pk).exists(), "lost while the lease lasted"
                item_snooze(item_id=item.pk, reviewer=person, minutes=15)
                ReviewItem.objects.filter(pk=item.pk).update(snoozed_until=None)

    at_once(people, work)
    assert len(held) > 15


def test_handing_over_to_somebody_who_knows_the_outcome_looks_the_same_to_everybody(
    claimed: ReviewItem, alice: User, bob: User, staff: Callable[..., User]
) -> None:
    """A refusal would tell that the face was judged before: that it is a second review, or a calibration item."""
    carol = staff("carol", "reviewer")
    OutcomeExposure.objects.create(submission=claimed.submission, person=bob)
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    sue = staff("sue", "senior")
    (listed,) = selectors.queue_items(viewer=sue)
    assert (listed.is_reserved, listed.reserved_for) == (True, bob)  # type: ignore[attr-defined]
    for person in (bob, carol, alice):  # nor does it come back to the one who asks about bob
        assert item_claim_next(reviewer=person) is None
    with pytest.raises(ReleaseRefused):
        item_claim(item_id=claimed.pk, senior=sue)
    claim_take_back(item_id=claimed.pk, senior=sue)
    assert item_claim_next(reviewer=carol) == claimed


def test_an_escalated_item_is_not_handed_to_who_escalated_it(
    claimed: ReviewItem, alice: User, staff: Callable[..., User]
) -> None:
    sue, sam = staff("sue", "senior"), staff("sam", "senior")
    ReviewItem.objects.filter(pk=claimed.pk).update(is_escalated=True, escalated_by=sam)
    claim_take_back(item_id=claimed.pk, senior=sue)
    assert item_claim_next(reviewer=sue) == claimed
    with pytest.raises(ReleaseRefused, match="themselves"):
        item_hand_over(item_id=claimed.pk, reviewer=sue, to=sam)
