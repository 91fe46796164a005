"""Answers of people to faces whose truth is known: calibration items and planted forgeries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db.models import Q
from django.utils import timezone

from estimation.difficulty import Known
from kyc_review.review.models import ASSESSED_LABELS, Decision, ReviewItem

ROWS_READ = 5000  # the latest answers count
WITHOUT_VOTES = "no_votes"
# Upper ends of the bands of the ensemble's risk: what is known of every item, whatever it turns out to be.
BANDS = ((0.5, "below_0.5"), (0.8, "0.5_to_0.8"), (0.95, "0.8_to_0.95"), (1.01, "from_0.95"))


def band_of(risk: float | None) -> str:
    """The band of difficulty of an item with this risk; None without votes."""
    if risk is None:
        return WITHOUT_VOTES
    return next(name for end, name in BANDS if risk < end)


def day_of(now: datetime | None = None) -> datetime:
    """When today began. Known answers count from the next day on: a number that moved with a decision would say which
    face it was."""
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)


def known_answers_unchecked(*, until: datetime) -> list[Known]:
    """All people's answers of real or fake that were final before `until`, without corrections, the latest first."""
    # Apart: each begins with its few submissions, a condition over both would read every decision there is.
    gold = Q(item__reason=ReviewItem.Reason.GOLD, submission__gold__label__in=ASSESSED_LABELS)
    planted = Q(submission__is_planted=True, submission__planted_forgery__isnull=False)
    rows = sorted({*_answers(gold, until), *_answers(planted, until)}, key=itemgetter(0), reverse=True)[
        :ROWS_READ
    ]
    return [
        Known(
            person,
            way_of(kind) if is_planted else f"calibration_{truth}",
            band_of(risk),
            label == (Decision.Label.FAKE if is_planted else truth),
        )
        for _, person, label, is_planted, risk, kind, truth in rows
    ]


def _answers(which: Q, until: datetime) -> Iterable[tuple[Any, ...]]:
    """The latest; the key of the decision comes first."""
    answers = Decision.objects.final().filter(
        which, corrects=None, label__in=ASSESSED_LABELS, item__decided_at__lt=until
    )
    return answers.order_by("-pk").values_list(
        "pk",
        "reviewer_id",
        "label",
        "submission__is_planted",
        "submission__scoring__risk",
        "submission__planted_forgery__kind",
        "submission__gold__label",
    )[:ROWS_READ]


def way_of(kind: str | None) -> str:
    """The way of an edit: the first part of a planted forgery's kind."""
    return (kind or "").partition("/")[0]
