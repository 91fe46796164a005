"""A picture that somebody must judge blind looks in lists like one that came with its item, whatever it is."""

import datetime as dt
import re
from collections.abc import Callable

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Likeness
from kyc_review.review.cases import case_of
from kyc_review.review.models import OutcomeExposure, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.workbench.evidence.selectors import comparable, look_alikes
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]


@pytest.fixture
def held(enqueue: Enqueue, alice: User) -> ReviewItem:
    item = enqueue(risk=1.0, applicant_ref="p-1")
    assert item_claim_next(reviewer=alice) == item
    return item


def to_be_judged(enqueue: Enqueue, held: ReviewItem, applicant: str, *, is_gold: bool) -> ReviewItem:
    """A blind item of the picture that is held; for calibration, of a picture that was cleared long ago."""
    item = enqueue(risk=0.1, applicant_ref=applicant)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    if is_gold:
        ReviewItem.objects.filter(pk=item.pk).update(reason="gold")
        month_ago = Now() - dt.timedelta(days=30)
        Submission.objects.filter(pk=item.submission_id).update(
            state="completed", result="clear", received_at=month_ago, completed_at=month_ago
        )
    Likeness.objects.create(submission=held.submission, earlier=item.submission, bits_apart=0, same_file=True)
    return item


def told(client: Client, held: ReviewItem, item: ReviewItem) -> list[str]:
    """What the panel and the list of pictures to compare with say of the item, without what differs by its ids."""
    pages = [
        client.get(reverse(f"evidence:{name}", args=[held.pk])).text for name in ("panel", "comparisons")
    ]
    parts = [part for page in pages for part in re.findall(r"(?s)<li>.*?</li>", page)]
    own = [part for part in parts if str(item.submission_id) in part]
    own = [re.sub(r"\b\d+ s ago", "just now", part) for part in own]
    return [re.sub(rf"{item.submission_id}|\b{item.pk}\b", "#", part) for part in own]


@pytest.mark.parametrize("applicant", ["p-1", "p-2"])
def test_a_calibration_item_among_the_neighbours_looks_like_an_ordinary_item(
    held: ReviewItem, enqueue: Enqueue, login: Login, alice: User, applicant: str
) -> None:
    found = []
    for is_gold in (False, True):
        item = to_be_judged(enqueue, held, applicant, is_gold=is_gold)
        found.append(told(login(alice), held, item))
        Submission.objects.filter(pk=item.submission_id).update(applicant_ref="p-9")
        Likeness.objects.all().delete()
    ordinary, calibration = found
    assert len(ordinary) >= 2
    assert calibration == ordinary
    assert all("Cleared" not in part for part in calibration)
    assert not OutcomeExposure.objects.exists(), "its outcome was not told"


def test_twins_stand_in_the_order_of_the_ages_that_are_shown(
    held: ReviewItem, enqueue: Enqueue, alice: User
) -> None:
    gold = to_be_judged(enqueue, held, "p-2", is_gold=True)
    others = [to_be_judged(enqueue, held, "p-3", is_gold=False) for _ in range(2)]
    for age, item in enumerate((gold, *others)):  # that of gold was opened last
        opened = Now() - dt.timedelta(hours=age)
        ReviewItem.objects.filter(pk=item.pk).update(opened_at=opened)
    shown = look_alikes(viewer=alice, item=held)
    assert [seen.item_id for seen in shown] == [gold.pk, *(item.pk for item in others)]


def test_a_hidden_attempt_stands_where_its_place_tells_nothing(
    held: ReviewItem, enqueue: Enqueue, login: Login, staff: Callable[..., User]
) -> None:
    gold = to_be_judged(enqueue, held, "p-1", is_gold=True)
    ordinary = [to_be_judged(enqueue, held, "p-1", is_gold=False) for _ in range(3)]
    enqueue(risk=0.1, applicant_ref="p-1")
    sue = staff("sue", "senior")
    case = case_of(viewer=sue, submission_id=held.submission_id)
    assert case is not None
    hidden = [row.submission.pk for row in case.attempts[:4]]
    assert hidden == sorted(row.submission_id for row in (gold, *ordinary))
    assert not case.attempts[4].is_hidden


def test_a_decided_calibration_item_is_not_named_by_its_number(
    held: ReviewItem, enqueue: Enqueue, alice: User
) -> None:
    first = to_be_judged(enqueue, held, "p-1", is_gold=False)
    decided = {"state": "decided", "decided_at": Now()}
    ReviewItem.objects.filter(pk=first.pk).update(**decided)
    gold = ReviewItem.objects.create(submission=first.submission, reason="gold", risk=0.5, is_blind=True)
    ReviewItem.objects.filter(pk=gold.pk).update(**decided)
    for seen in comparable(viewer=alice, item=held):
        assert seen.item_id == first.pk
    case = case_of(viewer=alice, submission_id=held.submission_id)
    assert case is not None
    assert [row.item_id for row in case.attempts] == [first.pk]
