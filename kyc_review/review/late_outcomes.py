"""Later outcomes of applicants, compared with models and reviewers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from detection.voting import Verdict
from estimation.intervals import Rate
from kyc_review.core.permissions import may_see_audits
from kyc_review.scoring.selectors import needs_person
from kyc_review.submissions.models import LateOutcome

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


@dataclass(frozen=True, slots=True)
class Late:
    """How many turned out fraud of those with a late outcome that one bundle cleared, and that it gave to people, at
    one operating point."""

    digest: str
    version: str
    cleared: Rate
    flagged: Rate
    shift: float = 0.0


def latest_outcomes() -> QuerySet[LateOutcome]:
    """The latest report on each live submission; earlier ones were corrected by it."""
    newer = LateOutcome.objects.filter(submission=OuterRef("submission")).filter(
        Q(reported_at__gt=OuterRef("reported_at"))
        | Q(reported_at=OuterRef("reported_at"), pk__gt=OuterRef("pk"))
    )
    return LateOutcome.objects.filter(~Exists(newer), submission__is_test=False)


def late_by_bundle(*, viewer: User) -> list[Late]:
    """One row per bundle and operating point that scored a submission with a late outcome; empty for people who only
    review."""
    if not may_see_audits(viewer):
        return []
    rows = (
        latest_outcomes()
        .filter(submission__scoring__isnull=False)
        .values(
            "finding",
            digest=F("submission__scoring__bundle_digest"),
            version=F("submission__scoring__bundle_version"),
            shift=F("submission__scoring__shift"),
            verdict=F("submission__scoring__verdict"),
            has_doubt=needs_person(),
        )
        .annotate(number=Count("pk"))
        .order_by("digest", "shift")
    )
    # (digest, version, shift) -> [[fraud, all] cleared, [fraud, all] flagged]
    counts: dict[tuple[str, str, float], list[list[int]]] = {}
    for row in rows:
        pair = counts.setdefault((row["digest"], row["version"], row["shift"]), [[0, 0], [0, 0]])
        found = pair[0 if row["verdict"] == Verdict.CLEAR and not row["has_doubt"] else 1]
        found[0] += row["number"] if row["finding"] == LateOutcome.Finding.FRAUD else 0
        found[1] += row["number"]
    return [
        Late(digest, version, cleared=Rate(*cleared), flagged=Rate(*flagged), shift=shift)
        for (digest, version, shift), (cleared, flagged) in counts.items()
    ]
