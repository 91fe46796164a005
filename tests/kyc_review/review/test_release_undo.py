"""Taking back that an item was skipped, snoozed, escalated or handed over."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review import selectors
from kyc_review.review.claims import item_reserve_next
from kyc_review.review.decisions import TooLate, decision_record, first_call_record
from kyc_review.review.erasure import words_erase
from kyc_review.review.models import PutAside, ReviewItem, Skip
from kyc_review.review.release import claim_release, item_escalate, item_hand_over, item_snooze
from kyc_review.review.undo import act_undo
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
ACTS = ["skipped", "snoozed", "escalated", "handed_over"]
FIELDS = (
    "state",
    "claimed_by",
    "snoozed_until",
    "is_escalated",
    "escalated_by",
    "message",
    "reserved_for",
    "reserved_until",
)


@pytest.fixture(autouse=True)
def window(settings: LazySettings, staff: Callable[..., User]) -> User:
    settings.UNDO_WINDOW_S = 10
    return staff("sue", "senior")


def put_aside(act: str, item: ReviewItem, person: User, to: User) -> None:
    who = {"item_id": item.pk, "reviewer": person}
    if act == "skipped":
        claim_release(**who)  # type: ignore[arg-type]
    elif act == "snoozed":
        item_snooze(**who, minutes=15)  # type: ignore[arg-type]
    elif act == "escalated":
        item_escalate(**who, message="Twin?")  # type: ignore[arg-type]
    else:
        item_hand_over(**who, to=to, message="Yours?")  # type: ignore[arg-type]


def row(item: ReviewItem) -> dict:
    return ReviewItem.objects.filter(pk=item.pk).values(*FIELDS).get()


def later(item: ReviewItem, seconds: int) -> None:
    PutAside.objects.filter(item=item).update(put_aside_at=Now() - dt.timedelta(seconds=seconds))


@pytest.mark.parametrize("act", ACTS)
def test_the_item_is_as_it_was_and_the_next_one_waits_for_the_same_person(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User, act: str
) -> None:
    ReviewItem.objects.filter(pk=claimed.pk).update(message="From a colleague.")
    before = row(claimed)
    put_aside(act, claimed, alice, bob)
    following = enqueue()
    assert item_claim_next(reviewer=alice) == following
    offered = selectors.act_undoable(viewer=alice)
    assert offered is not None
    assert (offered.item_id, offered.label) == (claimed.pk, PutAside.Act(act).label)
    act_undo(item_id=claimed.pk, reviewer=alice)
    assert row(claimed) == before
    assert not Skip.objects.exists()
    assert ReviewItem.objects.get(pk=following.pk).reserved_for == alice
    assert selectors.act_undoable(viewer=alice) is None
    assert Event.objects.filter(action="item.release_undone").get().detail["act"] == act


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_undone_late_by_another_person_or_once_somebody_holds_it(
    claimed: ReviewItem, alice: User, bob: User, window: User, act: str
) -> None:
    put_aside(act, claimed, alice, bob)
    with pytest.raises(TooLate):
        act_undo(item_id=claimed.pk, reviewer=bob)
    later(claimed, 11)
    assert selectors.act_undoable(viewer=alice) is None
    with pytest.raises(TooLate):
        act_undo(item_id=claimed.pk, reviewer=alice)
    later(claimed, 1)
    ReviewItem.objects.filter(pk=claimed.pk).update(snoozed_until=None)
    taker = window if act == "escalated" else bob
    assert item_claim_next(reviewer=taker) == claimed
    assert selectors.act_undoable(viewer=alice) is None
    with pytest.raises(TooLate):
        act_undo(item_id=claimed.pk, reviewer=alice)
    assert ReviewItem.objects.get(pk=claimed.pk).claimed_by == taker


def test_what_a_colleague_sees_next_is_not_taken_away(
    enqueue: Enqueue, claimed: ReviewItem, alice: User, bob: User
) -> None:
    enqueue(risk=1.0)
    item_claim_next(reviewer=bob)
    claim_release(item_id=claimed.pk, reviewer=alice)
    kept = item_reserve_next(reviewer=bob)
    assert kept == claimed
    with pytest.raises(TooLate, match="colleague"):
        act_undo(item_id=claimed.pk, reviewer=alice)


def test_the_receivers_own_skip_is_there_again(claimed: ReviewItem, alice: User, bob: User) -> None:
    Skip.objects.create(item=claimed, reviewer=bob, reason="known")
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    assert not Skip.objects.exists()
    act_undo(item_id=claimed.pk, reviewer=alice)
    assert Skip.objects.get().reason == "known"


def test_the_latest_act_is_undone_whatever_it_was(enqueue: Enqueue, claimed: ReviewItem, alice: User) -> None:
    second = enqueue(risk=0.1)
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    assert item_claim_next(reviewer=alice) == second
    claim_release(item_id=second.pk, reviewer=alice)
    for item in (second, claimed):
        offered = selectors.act_undoable(viewer=alice)
        assert offered is not None
        assert offered.item_id == item.pk
        act_undo(item_id=item.pk, reviewer=alice)
    assert selectors.act_undoable(viewer=alice) is None


def test_erasure_leaves_no_words_of_a_release(claimed: ReviewItem, alice: User, bob: User) -> None:
    ReviewItem.objects.filter(pk=claimed.pk).update(message="Mrs Example called.")
    item_hand_over(item_id=claimed.pk, reviewer=alice, to=bob)
    assert PutAside.objects.get().message_before == "Mrs Example called."
    words_erase(submission_id=claimed.submission_id)
    assert not PutAside.objects.exists()


@pytest.mark.parametrize("called", [False, True])
def test_back_on_a_skipped_item_shows_it_with_undo_and_blind_as_it_was(
    claimed: ReviewItem, login: Callable[[User], Client], alice: User, bob: User, called: bool
) -> None:
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    if called:
        first_call_record(item_id=claimed.pk, reviewer=alice, label="real")
    claim_release(item_id=claimed.pk, reviewer=alice)
    address = reverse("review:item", args=[claimed.pk])
    page = login(alice).get(address)
    assert page.status_code == 200
    assert f'action="{reverse("review:undo", args=[claimed.pk])}"' in page.text
    assert ("models and their combination" in page.text) is called
    assert login(bob).get(address).status_code == 403
    later(claimed, 11)
    assert login(alice).get(address).status_code == 403


def test_the_strip_shows_ten_own_faces_and_each_look_is_recorded(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User, bob: User
) -> None:
    items = [enqueue(risk=number / 20) for number in range(12)]
    for _ in items:
        item = item_claim_next(reviewer=alice)
        assert item is not None
        decision_record(item_id=item.pk, reviewer=alice, label="fake")
    strip = login(alice).get(reverse("review:recent")).text
    shown = [item for item in items if reverse("review:thumbnail", args=[item.pk]) in strip]
    assert shown == items[:10], "the most urgent were decided first"
    address = reverse("review:thumbnail", args=[items[0].pk])
    answer = login(alice).get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert "no-store" in answer["Cache-Control"]
    assert Event.objects.filter(action="item.looked_at").count() == 1
    assert login(bob).get(address).status_code == 403
    assert (
        reverse("review:thumbnail", args=[items[0].pk]) not in login(bob).get(reverse("review:recent")).text
    )
