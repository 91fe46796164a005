"""How the loop of decisions and models goes. Sandbox submissions never count; every function takes the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Case, CharField, Count, F, Max, Min, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import TruncWeek

from kyc_review.insights.permissions import may_see_insights
from kyc_review.review.audited import Audited, audits_by_bundle
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from kyc_review.scoring.models import Scoring

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

FLAGGED = 0.5  # from this risk on the votes, taken together, say fake (detection.voting.risk)


def labels_by_week(*, viewer: User, since: datetime) -> list[dict[str, Any]]:
    """Final decisions per week, the newest first: `week`, `real`, `fake`, `unclear`, and `audit` of them."""
    if not may_see_insights(viewer):
        return []
    rows = (
        _decisions(since)
        .annotate(week=TruncWeek("decided_at"))
        .values("week")
        .annotate(
            real=Count("pk", filter=Q(label="real")),
            fake=Count("pk", filter=Q(label="fake")),
            unclear=Count("pk", filter=Q(label="not_assessable")),
            audit=Count("pk", filter=Q(item__reason="audit")),
        )
    )
    return list(rows.order_by("-week"))


@dataclass(frozen=True, slots=True)
class Version:
    """One bundle's work on live traffic within the span, and what the audit found of all that it ever cleared."""

    version: str
    digest: str
    first: datetime
    last: datetime
    scored: int
    flagged: int
    split: int
    rejected: int
    audited: Audited | None


def versions(*, viewer: User, since: datetime) -> list[Version]:
    """Bundles that scored within the span, the latest first."""
    if not may_see_insights(viewer):
        return []
    audits = {row.digest: row for row in audits_by_bundle(viewer=viewer)}
    rows = (
        Scoring.objects.filter(scored_at__gte=since, submission__is_test=False)
        .values("bundle_digest", "bundle_version")
        .annotate(
            first=Min("scored_at"),
            last=Max("scored_at"),
            scored=Count("pk"),
            flagged=Count("pk", filter=~Q(verdict="clear")),
            split=Count("pk", filter=Q(verdict="split_vote")),
            rejected=Count("pk", filter=Q(submission__result="rejected")),
        )
        .order_by("-last")
    )
    return [
        Version(
            version=row["bundle_version"],
            digest=row["bundle_digest"],
            audited=audits.get(row["bundle_digest"]),
            **{name: row[name] for name in ("first", "last", "scored", "flagged", "split", "rejected")},
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Bias:
    """What people did once they saw the votes: of `apart` first calls against the models `followed` were changed to
    what the models say; of `together` first calls with them `left` were changed away."""

    apart: int
    followed: int
    together: int
    left: int


def automation_bias(*, viewer: User, since: datetime) -> Bias:
    """Over first calls of real or fake on scored faces that ended in real or fake by the same person."""
    if not may_see_insights(viewer):
        return Bias(0, 0, 0, 0)
    first = FirstCall.objects.filter(item=OuterRef("item"), reviewer=OuterRef("reviewer"))
    counts = (
        _decisions(since)
        .filter(corrects=None, label__in=["real", "fake"], submission__scoring__isnull=False)
        .annotate(
            first=Subquery(first.values("label")[:1]),
            models=Case(
                When(submission__scoring__risk__gte=FLAGGED, then=Value("fake")),
                default=Value("real"),
                output_field=CharField(),
            ),
        )
        .filter(first__in=["real", "fake"])
        .aggregate(
            apart=Count("pk", filter=~Q(first=F("models"))),
            followed=Count("pk", filter=~Q(first=F("models")) & Q(label=F("models"))),
            together=Count("pk", filter=Q(first=F("models"))),
            left=Count("pk", filter=Q(first=F("models")) & ~Q(label=F("models"))),
        )
    )
    return Bias(**counts)


def _decisions(since: datetime) -> Any:
    rows = Decision.objects.final().filter(decided_at__gte=since, submission__is_test=False)
    return rows.exclude(item__reason=ReviewItem.Reason.GOLD)
