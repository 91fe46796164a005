"""Skip, snooze, escalate, hand over, take back, and the item that is kept ahead."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review import selectors, services
from kyc_review.review.models import ReviewItem, Skip
from tests.factories.claims import claim_next
from tests.factories.concurrency import at_once

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


def ended(item: ReviewItem, **fields: str) -> None:
    past = Now() - dt.timedelta(seconds=1)
    ReviewItem.objects.filter(pk=item.pk).update(**dict.fromkeys(fields or {"reserved_until": ""}, past))


def test_a_skip_keeps_its_reason(claimed: ReviewItem, alice: User) -> None:
    services.claim_release(item_id=claimed.pk, reviewer=alice, reason="known")
    assert Skip.objects.get().reason == "known"
    assert Event.objects.get(action="item.skipped").detail == {"reason": "known"}


def test_a_snoozed_item_sleeps_for_everybody_and_comes_back(
    claimed: ReviewItem, alice: User, bob: User
) -> None:
    services.item_snooze(item_id=claimed.pk, reviewer=alice, minutes=15)
    assert services.item_claim_next(reviewer=bob) is None
    ended(claimed, snoozed_until="")
    assert services.item_claim_next(reviewer=alice) == claimed


def test_an_odd_snooze_is_refused(claimed: ReviewItem, alice: User) -> None:
    with pytest.raises(services.ReleaseRefused):
        services.item_snooze(item_id=claimed.pk, reviewer=alice, minutes=7)
    assert ReviewItem.objects.get(pk=claimed.pk).state == "claimed"


def test_an_escalated_item_goes_to_seniors_first_and_never_to_its_escalator(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User, staff: Callable
) -> None:
    other = enqueue("unanimous_fake", 1.0)
    sue = staff("sue", "senior")
    services.item_escalate(item_id=claimed.pk, reviewer=alice, message="Twin?")
    assert services.item_claim_next(reviewer=bob) == other
    assert services.item_claim_next(reviewer=alice) is None
    assert services.item_claim_next(reviewer=sue) == claimed
    assert ReviewItem.objects.get(pk=claimed.pk).message == "Twin?"
    services.claim_release(item_id=claimed.pk, reviewer=sue)


def test_without_another_senior_nothing_is_escalated(claimed: ReviewItem, alice: User) -> None:
    with pytest.raises(services.ReleaseRefused, match="no other senior"):
        services.item_escalate(item_id=claimed.pk, reviewer=alice)


def test_a_senior_never_gets_their_own_escalation_back(enqueue: Enqueue, staff: Callable) -> None:
    enqueue()
    sue, sam = staff("sue", "senior"), staff("sam", "senior")
    item = claim_next(sue)
    services.item_escalate(item_id=item.pk, reviewer=sue)
    assert services.item_claim_next(reviewer=sue) is None
    assert services.item_claim_next(reviewer=sam) == item


def test_a_handed_over_item_waits_for_that_person_and_then_for_everybody(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User, staff: Callable
) -> None:
    carol, urgent = staff("carol", "reviewer"), enqueue("unanimous_fake", 1.0)
    services.item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob, message="You know these.")
    assert services.item_claim_next(reviewer=carol) == urgent
    assert services.item_claim_next(reviewer=alice) is None
    ended(claimed)
    assert services.item_claim_next(reviewer=alice) == claimed


def test_what_was_handed_over_comes_first_for_its_receiver(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    enqueue("unanimous_fake", 1.0)
    services.item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    assert services.item_claim_next(reviewer=bob) == claimed


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_nobody_hands_over_to_a_reader(claimed: ReviewItem, alice: User, staff: Callable, role: str) -> None:
    with pytest.raises(services.ReleaseRefused):
        services.item_hand_over(item_id=claimed.pk, reviewer=alice, to=staff("reader", role))


def test_only_seniors_take_back(claimed: ReviewItem, alice: User, bob: User, staff: Callable) -> None:
    with pytest.raises(PermissionDenied):
        services.claim_take_back(item_id=claimed.pk, senior=bob)
    services.claim_take_back(item_id=claimed.pk, senior=staff("sue", "senior"))
    with pytest.raises(services.ClaimLost):
        services.claim_renew(item_id=claimed.pk, reviewer=alice)
    assert services.item_claim_next(reviewer=bob) == claimed
    assert Event.objects.get(action="item.taken_back").detail == {"holder": alice.pk}


def test_the_item_kept_ahead_is_offered_to_nobody_else_and_is_free_again_by_itself(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    following = enqueue(risk=0.1)
    assert services.item_reserve_next(reviewer=alice) == following
    assert services.item_reserve_next(reviewer=alice) == following
    assert ReviewItem.objects.filter(reserved_for=alice).count() == 1
    assert services.item_claim_next(reviewer=bob) is None
    ended(following)
    assert services.item_claim_next(reviewer=bob) == following


def test_keeping_ahead_never_shortens_a_handover(
    claimed: ReviewItem, enqueue: Enqueue, alice: User, bob: User
) -> None:
    enqueue(risk=0.1)
    assert services.item_claim_next(reviewer=bob)
    services.item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    before = ReviewItem.objects.get(pk=claimed.pk).reserved_until
    assert services.item_reserve_next(reviewer=bob) == claimed
    assert ReviewItem.objects.get(pk=claimed.pk).reserved_until == before


def test_nothing_is_kept_for_somebody_who_holds_nothing(enqueue: Enqueue, alice: User) -> None:
    enqueue()
    assert services.item_reserve_next(reviewer=alice) is None


def test_only_the_person_it_is_kept_for_may_fetch_the_picture_ahead(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    following = enqueue(risk=0.1)
    services.item_reserve_next(reviewer=alice)
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
        while item := services.item_claim_next(reviewer=person):
            services.item_reserve_next(reviewer=person)
            judged.append(item.pk)
            services.decision_record(item_id=item.pk, reviewer=person, label="real")

    at_once(people, work)
    assert len(judged) == len(set(judged)) == 16
