"""What reviewing costs at present, to translate a share of flagged selfies into items and hours of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Avg, Count, Min
from django.utils import timezone

from kyc_review.core.permissions import may_see_retraining
from kyc_review.review.live_decisions import live_decisions_unchecked
from kyc_review.scoring.models import Scoring

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

SPAN = timedelta(days=30)
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Workload:
    """selfies_a_day: scored, over the last 30 days or since the first of them; seconds_an_item: mean from claim to
    decision, None before any."""

    selfies_a_day: float
    seconds_an_item: float | None


def workload(*, viewer: User) -> Workload | None:
    """None without a selfie in the span."""
    if not may_see_retraining(viewer):
        return None
    now = timezone.now()
    scored = Scoring.objects.filter(
        scored_at__gte=now - SPAN, submission__is_test=False, submission__is_planted=False
    )
    found = scored.aggregate(number=Count("pk"), first=Min("scored_at"))
    if not found["number"]:
        return None
    days = max(1.0, (now - found["first"]).total_seconds() / DAY_S)
    took_ms = live_decisions_unchecked(since=now - SPAN).aggregate(mean=Avg("handling_ms"))["mean"]
    return Workload(found["number"] / days, took_ms / 1000 if took_ms is not None else None)
