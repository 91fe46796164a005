"""What a reviewer can learn from their last day of work: faces that turned out otherwise, and answers to escalations.

Nothing that still waits for anybody is among them, and calibration items count from the next day on, as in the
figures of quality.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Subquery, Value
from django.db.models.functions import Now
from django.utils import timezone

from kyc_review.core.permissions import may_decide
from kyc_review.submissions.models import LateOutcome

from .late_outcomes import latest_outcomes
from .models import Decision, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User
    from kyc_review.review.models.decisions import DecisionRows

LESSONS_SHOWN = 5
LOOKED_BACK = dt.timedelta(days=7)
KNOWN, OTHERS, LATER, ANSWERED = "known", "others", "later", "answered"
LABELS = dict(Decision.Label.choices)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One face. `source` says how the answer is known: KNOWN (calibration), OTHERS, LATER (a report), or ANSWERED (an
    escalation of the viewer's, who gave no answer then). `seen`: what others answered of it, the latest first."""

    item: ReviewItem
    source: str
    at: dt.datetime
    own: str
    right: str
    seen: tuple[Decision, ...] = field(default=())

    @property
    def own_words(self) -> str:
        return str(LABELS.get(self.own, ""))

    @property
    def right_words(self) -> str:
        return str(LABELS[self.right])

    @property
    def regions(self) -> list[dict[str, float]]:
        """What others marked, in percent of the upright picture."""
        boxes = chain.from_iterable(decision.regions for decision in self.seen)
        return [{side: round(100 * value, 2) for side, value in box.items()} for box in boxes]


def lessons(*, viewer: User, now: dt.datetime | None = None) -> list[Lesson]:
    """At most LESSONS_SHOWN, the latest first; of their last day of work before today, at most a week ago."""
    if not may_decide(viewer):
        return []
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    since = _last_day(viewer, today)
    found = [*_misses(viewer, since, today), *_answers(viewer, since, today)]
    found.sort(key=lambda lesson: lesson.at, reverse=True)
    return [_with_others(lesson, viewer) for lesson in found[:LESSONS_SHOWN]]


def lesson_item(*, viewer: User, item_id: int) -> ReviewItem | None:
    """The item, if it is among the viewer's lessons: then they may look at its face and evidence."""
    return next((found.item for found in lessons(viewer=viewer) if found.item.pk == item_id), None)


def _last_day(viewer: User, today: dt.datetime) -> dt.datetime:
    """When the last day before today began on which the viewer decided; yesterday without one."""
    rows = Decision.objects.filter(reviewer=viewer, decided_at__lt=today, decided_at__gte=today - LOOKED_BACK)
    last = rows.order_by("-pk").values_list("decided_at", flat=True).first()
    day = timezone.localtime(last) if last else today - dt.timedelta(days=1)
    return day.replace(hour=0, minute=0, second=0, microsecond=0)


def _own_last(viewer: User) -> DecisionRows:
    """The viewer's last final answer on each face whose reviews are over."""
    later = Decision.objects.final().filter(
        submission=OuterRef("submission"), reviewer=viewer, pk__gt=OuterRef("pk")
    )
    return _at_rest(Decision.objects.final().filter(~Exists(later), reviewer=viewer)).select_related(
        "item__submission__evidence"
    )


def _at_rest(rows: DecisionRows) -> DecisionRows:
    """Without faces that wait for somebody, and without erased ones."""
    waiting = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    waiting = waiting.exclude(reason=ReviewItem.Reason.GOLD).filter(submission=OuterRef("submission"))
    return rows.filter(~Exists(waiting), submission__erased_at=None)


def _misses(viewer: User, since: dt.datetime, until: dt.datetime) -> Iterable[Lesson]:
    """Each face once, by the surest source."""
    own = _own_last(viewer)
    others = Decision.objects.final().filter(submission=OuterRef("submission"), pk__gt=OuterRef("pk"))
    others = others.exclude(reviewer=viewer).exclude(item__reason=ReviewItem.Reason.GOLD).order_by("-pk")
    reports = latest_outcomes().filter(submission=OuterRef("submission"), finding=LateOutcome.Finding.FRAUD)
    judged = own.exclude(item__reason=ReviewItem.Reason.GOLD)
    planted = own.filter(submission__is_planted=True)
    sources = (
        (KNOWN, planted.annotate(right=Value(Decision.Label.FAKE.value), at=F("decided_at"))),
        (
            KNOWN,
            own.filter(item__reason=ReviewItem.Reason.GOLD).annotate(
                right=F("submission__gold__label"), at=F("decided_at")
            ),
        ),
        (
            LATER,
            judged.filter(label=Decision.Label.REAL).annotate(at=Subquery(reports.values("reported_at")[:1])),
        ),
        (
            OTHERS,
            judged.annotate(
                right=Subquery(others.values("label")[:1]), at=Subquery(others.values("decided_at")[:1])
            ),
        ),
    )
    told = set()
    for source, rows in sources:
        for row in rows.filter(at__gte=since, at__lt=until).order_by("-at")[: LESSONS_SHOWN * 4]:
            right = Decision.Label.FAKE.value if source == LATER else row.right  # type: ignore[attr-defined]
            if right and right != row.label and row.submission_id not in told:
                told.add(row.submission_id)
                yield Lesson(row.item, source, row.at, row.label, right)


def _answers(viewer: User, since: dt.datetime, until: dt.datetime) -> Iterable[Lesson]:
    """What became of faces that the viewer escalated and did not judge."""
    judged = Decision.objects.standing().filter(submission=OuterRef("submission"), reviewer=viewer)
    rows = Decision.objects.final().filter(
        ~Exists(judged), item__escalated_by=viewer, decided_at__gte=since, decided_at__lt=until
    )
    rows = _at_rest(rows.exclude(item__reason=ReviewItem.Reason.GOLD))
    answers: dict[int, Decision] = {}
    for row in rows.select_related("item__submission__evidence").order_by("-pk")[: LESSONS_SHOWN * 4]:
        answers.setdefault(row.item_id, row)
    return [Lesson(row.item, ANSWERED, row.decided_at, "", row.label) for row in answers.values()]


def _with_others(lesson: Lesson, viewer: User) -> Lesson:
    rows = Decision.objects.final().filter(submission=lesson.item.submission_id, decided_at__lt=Now())
    rows = rows.exclude(reviewer=viewer).exclude(item__reason=ReviewItem.Reason.GOLD)
    seen = tuple(row for row in rows.order_by("-pk")[:10] if row.label == lesson.right)
    return Lesson(lesson.item, lesson.source, lesson.at, lesson.own, lesson.right, seen[:3])
