"""Decisions on live submissions, for figures about models and workload, and whose submissions a viewer's figures count.

The figures of people who decide count planted forgeries as customers' pictures, and decisions on calibration items: a
number that does not move with a decision, or differs from another page, would say which face it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from kyc_review.core.permissions import may_decide
from kyc_review.review.models import Decision, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def counted_for(viewer: User, *, submission: str = "submission") -> Q:
    """Live submissions that the viewer's figures count. submission: the path to it in the query."""
    live = Q(**{f"{submission}__is_test": False})
    return live if may_decide(viewer) else live & Q(**{f"{submission}__is_planted": False})


def live_decisions(*, viewer: User, since: datetime, until: datetime | None = None) -> Any:
    """Standing decisions that the viewer's figures count."""
    rows = _within(Decision.objects.standing().filter(counted_for(viewer)), since, until)
    return rows if may_decide(viewer) else _without_gold(rows)


def live_decisions_unchecked(*, since: datetime, until: datetime | None = None) -> Any:
    """Standing decisions, without calibration items and planted forgeries: their answer is known, so they would distort
    every rate."""
    customers = Decision.objects.standing().filter(submission__is_test=False, submission__is_planted=False)
    return _without_gold(_within(customers, since, until))


def _within(rows: Any, since: datetime, until: datetime | None) -> Any:
    rows = rows.filter(decided_at__gte=since)
    return rows if until is None else rows.filter(decided_at__lt=until)


def _without_gold(rows: Any) -> Any:
    return rows.exclude(item__reason=ReviewItem.Reason.GOLD)
