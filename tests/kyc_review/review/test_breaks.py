"""When a pause would help: the person's own pace and known answers, and nothing of today's calibration."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from estimation.intervals import Rate
from kyc_review.accounts.models import User
from kyc_review.review.breaks import KNOWN_BEFORE_MIN, KNOWN_RECENT, KnownAnswers, break_reasons
from kyc_review.review.models import Decision, Gold, ReviewItem
from kyc_review.review.quality import RECENT_DECISIONS, USUAL_MIN

pytestmark = pytest.mark.django_db


def decide(item: ReviewItem, person: User, labels: list[str], **fields: object) -> None:
    said = {"item": item, "submission": item.submission, "reviewer": person} | {"handling_ms": 8000} | fields
    Decision.objects.bulk_create(Decision(label=label, **said) for label in labels)


@pytest.fixture
def calibration_item(claimed: ReviewItem, alice: User) -> ReviewItem:
    Gold.objects.create(submission=claimed.submission, label="fake", added_by=alice)
    ReviewItem.objects.filter(pk=claimed.pk).update(
        reason="gold",
        state="decided",
        decided_at=Now(),
        claimed_by=None,
        claimed_at=None,
        claim_expires_at=None,
    )
    claimed.refresh_from_db()
    return claimed


@pytest.mark.parametrize(
    ("recent", "before", "has_dropped"),
    [
        ((4, 10), (45, 50), True),
        ((8, 10), (45, 50), False),
        ((0, KNOWN_RECENT - 1), (50, 50), False),
        ((0, 10), (KNOWN_BEFORE_MIN - 1, KNOWN_BEFORE_MIN - 1), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_a_drop_must_be_more_than_chance(
    recent: tuple[int, int], before: tuple[int, int], has_dropped: bool
) -> None:
    assert KnownAnswers(Rate(*recent), Rate(*before)).has_dropped is has_dropped


def test_known_answers_of_today_say_nothing_today(calibration_item: ReviewItem, bob: User) -> None:
    decide(calibration_item, bob, ["fake"] * 30 + ["real"] * KNOWN_RECENT)
    reasons = break_reasons(viewer=bob)
    assert reasons is not None
    assert reasons.known_answers.recent.total == 0


def test_a_drop_in_known_answers_up_to_yesterday_is_told(
    calibration_item: ReviewItem, bob: User, login: Callable[[User], Client]
) -> None:
    yesterday = Now() - timedelta(days=1)
    decide(calibration_item, bob, ["fake"] * 30 + ["real"] * KNOWN_RECENT, decided_at=yesterday)
    said = login(bob).get("/review/pause/").json()
    assert set(said) == {"known_answers"}
    assert "0 of 10" in said["known_answers"]
    assert "30 of 30 before" in said["known_answers"]


@pytest.mark.parametrize(("recent_ms", "kinds"), [(2000, {"pace"}), (20_000, {"pace"}), (8000, set())])
def test_a_changed_pace_is_told_to_the_person_alone(
    claimed: ReviewItem,
    alice: User,
    bob: User,
    login: Callable[[User], Client],
    recent_ms: int,
    kinds: set[str],
) -> None:
    decide(claimed, alice, ["real"] * USUAL_MIN)
    decide(claimed, alice, ["real"] * RECENT_DECISIONS, handling_ms=recent_ms)
    assert set(login(alice).get("/review/pause/").json()) == kinds
    assert login(bob).get("/review/pause/").json() == {}


def test_who_does_not_decide_is_told_nothing(
    staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    auditor = staff("aud", "auditor")
    assert break_reasons(viewer=auditor) is None
    assert login(auditor).get("/review/pause/").json() == {}
