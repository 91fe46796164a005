"""The dashboard's numbers. Sandbox submissions never count. Planted forgeries count in the queue, and everywhere for
people who decide (`live_decisions`). Every function takes the viewer.

Each is one query over an index of time or over the open queue, so its cost does not grow with the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, F, Max, Min, Q
from django.db.models.functions import TruncDate, TruncHour
from django.utils import timezone
from django.utils.text import capfirst

from detection.checks import CheckCode, CheckStatus
from detection.voting import Verdict
from kyc_review.core.db.aggregates import Median
from kyc_review.core.permissions import may_decide, may_see_insights
from kyc_review.review.live_decisions import counted_for, live_decisions
from kyc_review.review.models import WAITING_STATES, Decision, ReviewItem
from kyc_review.review.models.reasons import Reason
from kyc_review.review.selectors import listed_reason, reason_label, reason_rank
from kyc_review.scoring.check_words import ACTIONS, CODES
from kyc_review.scoring.counts import scored
from kyc_review.scoring.models import CheckResult, Scoring, Vote
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import Result, State

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

# A vote that contradicts the human result.
MISSED = Q(is_fake=False, scoring__submission__result=Result.REJECTED)
ALARMED = Q(is_fake=True, scoring__submission__result=Result.CLEAR)
ONLINE_S = 600
AT_RISK = 0.75


@dataclass(frozen=True, slots=True)
class Waiting:
    reason: str
    label: str
    total: int
    at_risk: int
    late: int
    oldest: datetime


def queue_by_reason(*, viewer: User) -> list[Waiting]:
    """Undecided items by the reason displayed to the viewer; `late` waits longer than REVIEW_SLA_S, `at_risk`
    longer than three quarters of it."""
    if not may_see_insights(viewer):
        return []
    late_before, risk_before = sla_moments()
    rows = (
        ReviewItem.objects.filter(state__in=WAITING_STATES, submission__is_test=False)
        .annotate(listed=listed_reason(viewer=viewer))
        .values("listed")
        .annotate(
            total=Count("pk"),
            late=Count("pk", filter=Q(opened_at__lt=late_before)),
            at_risk=Count("pk", filter=Q(opened_at__lt=risk_before, opened_at__gte=late_before)),
            oldest=Min("opened_at"),
        )
    )
    found = [
        Waiting(
            reason=row["listed"],
            label=reason_label(row["listed"]),
            total=row["total"],
            at_risk=row["at_risk"],
            late=row["late"],
            oldest=row["oldest"],
        )
        for row in rows.order_by("listed")
    ]
    return sorted(found, key=lambda row: reason_rank(row.reason))


def sla_moments() -> tuple[datetime, datetime]:
    """Items opened before the first time are late, before the second at risk."""
    now, sla = timezone.now(), timedelta(seconds=settings.REVIEW_SLA_S)
    return now - sla, now - sla * AT_RISK


def decisions_by_hour(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Valid decisions for each hour with any: `hour`, `number`, `fakes`."""
    if not may_see_insights(viewer):
        return []
    return list(
        live_decisions(viewer=viewer, since=since)
        # Of UTC: when the clocks are set back, a local hour comes twice.
        .annotate(hour=TruncHour("decided_at", tzinfo=UTC))
        .values("hour")
        .annotate(number=Count("pk"), fakes=Count("pk", filter=Q(label=Decision.Label.FAKE)))
        .order_by("hour")
    )


def work_by_reviewer(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Per reviewer: `number`, `median_ms` and `fakes`."""
    if not may_see_insights(viewer):
        return []
    return list(
        live_decisions(viewer=viewer, since=since)
        .values("reviewer_id", name=F("reviewer__username"))
        .annotate(
            number=Count("pk"),
            fakes=Count("pk", filter=Q(label=Decision.Label.FAKE)),
            median_ms=Median("handling_ms"),
        )
        .order_by("-number", "name")
    )


def totals(*, viewer: User, since: datetime) -> dict[str, Any]:
    """`number` of decisions, `median_ms` of handling, `corrected` ones, `false_alarms` of `unanimous` fakes."""
    if not may_see_insights(viewer):
        return {}
    unanimous = Q(item__reason=Reason.UNANIMOUS_FAKE)
    return live_decisions(viewer=viewer, since=since).aggregate(
        number=Count("pk"),
        median_ms=Median("handling_ms"),
        corrections=Count("pk", filter=Q(corrects__isnull=False)),
        unanimous=Count("pk", filter=unanimous),
        false_alarms=Count("pk", filter=unanimous & Q(label=Decision.Label.REAL)),
    )


def reviewers_online(*, viewer: User) -> list[dict[str, Any]]:
    """Who holds a live claim (kept alive by the open page) or decided within the last ten minutes."""
    if not may_see_insights(viewer):
        return []
    now = timezone.now()
    claims = ReviewItem.objects.filter(state=ReviewItem.State.CLAIMED, claim_expires_at__gt=now)
    people = {
        row["claimed_by__username"]: {"name": row["claimed_by__username"], "item": row["pk"]}
        for row in claims.values("claimed_by__username", "pk")
    }
    recent = Decision.objects.filter(decided_at__gte=now - timedelta(seconds=ONLINE_S))
    for name in recent.values_list("reviewer__username", flat=True).distinct():
        people.setdefault(name, {"name": name, "item": None})
    return sorted(people.values(), key=lambda person: str(person["name"]))


def outcomes_by_day(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Scored submissions per day: `day`, `scored`, `cleared` by the models, `queued` for people, `fake` in the end."""
    if not may_see_insights(viewer):
        return []
    days: dict[date, dict[str, Any]] = {}
    keys = ("verdict", "for_person")
    for row in scored(since=since, with_planted=may_decide(viewer), by="day", keys=keys):
        day = row["day"].date()
        found = days.setdefault(day, {"day": day, "scored": 0, "cleared": 0, "fake": 0})
        found["scored"] += row["number"]
        found["cleared"] += row["number"] if row["verdict"] == Verdict.CLEAR and not row["for_person"] else 0
    rejected = _scorings(viewer, since).filter(submission__result=Result.REJECTED)
    for row in rejected.annotate(day=TruncDate("scored_at")).values("day").annotate(number=Count("pk")):
        days[row["day"]]["fake"] = row["number"]
    return [row | {"queued": row["scored"] - row["cleared"]} for _, row in sorted(days.items())]


def member_disagreement(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Per member over what people decided: `judged`, `missed` (real, but rejected), `alarms` (fake, but cleared)."""
    if not may_see_insights(viewer):
        return []
    judged: Any = member_votes(viewer).filter(scoring__scored_at__gte=since)
    return list(
        judged.values("member")
        .annotate(
            judged=Count("pk"),
            missed=Count("pk", filter=MISSED),
            alarms=Count("pk", filter=ALARMED),
            place=Max("position"),
        )
        .order_by("place", "member")
    )


def check_troubles(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Pictures with a check that did not pass, by `code` and what followed: `words`, `action`, `number`.

    The most frequent first. A picture counts once for each code, however many checks have it.
    """
    if not may_see_insights(viewer):
        return []
    rows = (
        CheckResult.objects.filter(counted_for(viewer), checked_at__gte=since)
        .exclude(status=CheckStatus.PASS.value)
        .exclude(action="")
    )
    return [
        row
        | {"words": capfirst(str(CODES[CheckCode(row["code"])])), "action": ACTIONS[Action(row["action"])]}
        for row in rows.values("code", "action")
        .annotate(number=Count("submission", distinct=True))
        .order_by("-number", "code")
    ]


def member_votes(viewer: User) -> Any:
    """Votes on submissions that people decided, without sandbox and without submissions cleared by the models."""
    return Vote.objects.filter(
        counted_for(viewer, submission="scoring__submission"),
        scoring__submission__state=State.COMPLETED,
        scoring__submission__result__in=[Result.CLEAR, Result.REJECTED],
    ).exclude(scoring__verdict=Verdict.CLEAR)


def _scorings(viewer: User, since: datetime) -> Any:
    return Scoring.objects.filter(counted_for(viewer), scored_at__gte=since)
