"""The order in which items are handed out: open ones by urgency, blind ones by age alone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.review.models import Gold, ReviewItem
from kyc_review.review.opening import gold_open, items_open
from kyc_review.review.release import claim_release
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


def handed_out(person: User, number: int) -> list[int]:
    found = []
    for _ in range(number):
        item = claim_next(person)
        claim_release(item_id=item.pk, reviewer=person)
        found.append(item.pk)
    return found


def test_blind_items_are_handed_out_by_age_whatever_the_votes_say(enqueue: Enqueue, alice: User) -> None:
    items = [
        enqueue(*one)
        for one in (("checks", 0.1), ("split_vote", 0.4), ("unanimous_fake", 0.9), ("unscorable", 1.0))
    ]
    ReviewItem.objects.update(is_blind=True)
    assert handed_out(alice, 4) == [item.pk for item in items]


def test_open_items_are_handed_out_by_urgency_after_the_blind_ones(enqueue: Enqueue, alice: User) -> None:
    mild, urgent, split = enqueue("checks", 0.1), enqueue("unanimous_fake", 0.9), enqueue("split_vote", 0.4)
    blind = enqueue("checks", 0.1)
    ReviewItem.objects.filter(pk=blind.pk).update(is_blind=True)
    assert handed_out(alice, 4) == [item.pk for item in (blind, urgent, split, mild)]


def test_an_escalated_item_comes_first_for_a_senior_blind_or_not(
    enqueue: Enqueue, staff: Callable[..., User], alice: User
) -> None:
    sue, first, second = staff("sue", "senior"), enqueue("unanimous_fake", 0.9), enqueue("checks", 0.1)
    ReviewItem.objects.update(is_blind=True)
    ReviewItem.objects.filter(pk=second.pk).update(is_escalated=True, escalated_by=alice)
    assert handed_out(sue, 2) == [second.pk, first.pk]


def test_calibration_opens_later_than_the_item_that_it_goes_with(
    submit: Callable[..., Submission], staff: Callable[..., User], alice: User, settings: LazySettings
) -> None:
    settings.GOLD_RATE, settings.GOLD_DELAY_S = 1.0, 1800
    old = submit()
    done = {"state": "completed", "result": "rejected", "completed_at": Now()}
    Submission.objects.filter(pk=old.pk).update(**done)
    Gold.objects.create(submission=old, label="fake", added_by=staff("sue", "senior"))
    items_open([(submit().pk, "split_vote", 0.5)])
    assert gold_open() == 0
    opens_at = Gold.objects.get().opens_at
    assert opens_at is not None
    opened_at = ReviewItem.objects.get().opened_at
    assert timedelta() < opens_at - opened_at < timedelta(seconds=1801)
    items_open([(submit().pk, "split_vote", 0.5)])
    assert Gold.objects.get().opens_at == opens_at, "drawn already"
    Gold.objects.update(opens_at=Now())
    assert [gold_open(), gold_open()] == [1, 0]
    assert ReviewItem.objects.filter(reason="gold").count() == 1
    assert Gold.objects.get().opens_at is None


def test_calibration_that_was_removed_meanwhile_does_not_open(
    submit: Callable[..., Submission], staff: Callable[..., User], alice: User
) -> None:
    old = submit()
    Submission.objects.filter(pk=old.pk).update(state="completed", result="rejected", completed_at=Now())
    Gold.objects.create(
        submission=old, label="fake", added_by=staff("sue", "senior"), is_active=False, opens_at=Now()
    )
    assert gold_open() == 0
    assert Gold.objects.get().opens_at is None
