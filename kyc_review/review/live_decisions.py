"""Decisions on live submissions, for figures about models and workload."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kyc_review.review.models import Decision, ReviewItem


def live_decisions_unchecked(*, since: datetime, until: datetime | None = None) -> Any:
    """Standing decisions, without calibration items and planted forgeries: their answer is known, so they would distort
    every rate."""
    rows = Decision.objects.standing().filter(
        decided_at__gte=since, submission__is_test=False, submission__is_planted=False
    )
    if until is not None:
        rows = rows.filter(decided_at__lt=until)
    return rows.exclude(item__reason=ReviewItem.Reason.GOLD)
