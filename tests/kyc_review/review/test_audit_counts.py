"""What the figures of the quality sample add up equals a count of the draws, whatever was counted before."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.core.db.clock import database_now
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.audit_counts import (
    AUDIT_COUNTS,
    SETTLED_AFTER,
    draws_counted,
    draws_judged,
)
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record, decision_undo
from kyc_review.review.models import AuditCount, AuditCountMark, AuditDraw, AuditTouch, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db
Found = dict[tuple[Any, ...], tuple[int, str]]


@pytest.fixture
def drawn(clear: Callable[..., Submission], settings: LazySettings) -> Callable[[int], None]:
    """drawn(n): n cleared submissions of the last 30 days that were drawn, with their items."""
    settings.AUDIT_SHARE, settings.CORRECTIONS_NEED_TWO = 1.0, False
    draw = random.Random(1)

    def make(number: int) -> None:
        for _ in range(number):
            AuditDraw.objects.filter(submission=clear()).update(
                drawn_at=database_now() - draw.random() * timedelta(days=30),
                probability=0.5,
                uniform_share=0.25,
                is_uniform=draw.random() < 0.5,
            )
        ReviewItem.objects.filter(state="open").update(opened_at=database_now() - SETTLED_AFTER)

    return make


def figures(until: datetime | None, by_week: bool = False) -> Found:
    """The answers of `draws_counted`, added up."""
    number: Counter[tuple[Any, ...]] = Counter()
    weight: Counter[tuple[Any, ...]] = Counter()
    for row in draws_counted(until, by_week=by_week):
        week = (row["week"],) if by_week else ()
        key = (*week, row["digest"], row["shift"], row["is_uniform"], row["label"], row["waits"])
        number[key] += row["number"]
        weight[key] += row["weight"]
    return {key: (number[key], f"{weight[key]:.6f}") for key in number}


def one_by_one(until: datetime | None, by_week: bool = False) -> Found:
    """The same of the draws themselves, in Python."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in draws_judged(AuditDraw.Outcome.CLEAR, until).select_related("submission__scoring"):
        begin = timezone.localtime(row.drawn_at).replace(hour=0, minute=0, second=0, microsecond=0)
        monday = (begin.replace(tzinfo=None) - timedelta(days=begin.weekday())).replace(tzinfo=begin.tzinfo)
        scoring = row.submission.scoring
        week = (monday,) if by_week else ()
        found[(*week, scoring.bundle_digest, scoring.shift, row.is_uniform, row.label or "", row.waits)] += 1
    return {key: (number, f"{2 * number:.6f}") for key, number in found.items()}


def age() -> None:
    """What changed until now changed long ago."""
    AuditTouch.objects.update(at=database_now() - SETTLED_AFTER - timedelta(minutes=1))


def same(*moments: datetime | None) -> bool:
    return all(
        figures(moment, by_week) == one_by_one(moment, by_week)
        for moment in moments
        for by_week in (True, False)
    )


def test_figures_equal_the_draws_after_every_change(
    drawn: Callable[[int], None], alice: User, staff: Callable[..., User], settings: LazySettings
) -> None:
    bob = staff("bob", "senior")
    with timezone.override(ZoneInfo("Asia/Kathmandu")):
        drawn(9)
        assert same(None), "before anything is counted"
        age()
        assert AUDIT_COUNTS.count() > 0
        assert AuditCount.objects.exists()
        assert not AuditTouch.objects.exists()
        assert same(None)
        assert AUDIT_COUNTS.count() == 0

        def decide(label: str) -> ReviewItem:
            item = claim_next(alice)
            decision_record(item_id=item.pk, reviewer=alice, label=label)
            return item

        first, second, third = (decide(label) for label in ("real", "fake", "real"))
        # A test is one transaction, whose time every decision bears.
        this_morning = ReviewItem.objects.get(pk=first.pk).decided_at
        assert same(None, this_morning)
        assert figures(None) != figures(this_morning)
        settings.UNDO_WINDOW_S = 10
        undone = decide("fake")
        assert same(None, this_morning), "while it can be undone"
        decision_undo(item_id=undone.pk, reviewer=alice)
        assert same(None, this_morning)
        decision_correct(item_id=first.pk, corrector=bob, label="fake")
        assert same(None, this_morning)
        items_open([(third.submission_id, ReviewItem.Reason.SECOND_REVIEW, 0.5)])
        assert same(None, this_morning), "while another person looks"
        for erased in (second.submission_id, undone.submission_id):
            submission_erase(submission_id=erased, reason="asked")
            assert same(None, this_morning)
        assert not AuditDraw.objects.filter(submission=undone.submission_id).exists()
        touched = AuditTouch.objects.count()
        assert AUDIT_COUNTS.count() == 0, "what changed today is not counted"
        assert AuditTouch.objects.count() == touched
        age()
        assert same(None)
        assert AUDIT_COUNTS.count() > 0
        assert not AuditTouch.objects.exists()
        assert same(None)
        assert AUDIT_COUNTS.count_again()[1] == 0


def test_what_ends_in_the_middle_leaves_nothing(
    drawn: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(3)
    age()
    monkeypatch.setattr(AuditCountMark, "save", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        AUDIT_COUNTS.count()
    assert not AuditCount.objects.exists()
    assert same(None)


def test_a_wrong_count_is_found_and_corrected(
    drawn: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(4)
    age()
    AUDIT_COUNTS.count()
    AuditCount.objects.filter(pk__in=AuditCount.objects.all()[:1]).update(number=99)
    assert not same(None)
    call_command("audit_counts", "--again")
    assert "2 were wrong" in capsys.readouterr().out
    assert same(None)
