"""What the audit found, for each bundle at each operating point that cleared: an upper bound on the fakes among the
submissions it cleared there.

Planted forgeries never count. So people who decide see the audit as it was when today began: a number that does not
move with a decision would say that the face was planted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, F, FloatField, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncWeek

from estimation.intervals import clopper_pearson_lower, clopper_pearson_upper
from kyc_review.core.permissions import may_decide, may_see_audits
from kyc_review.review.known_answers import day_of
from kyc_review.review.models import ASSESSED_LABELS, AuditDraw, Decision, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


@dataclass(frozen=True, slots=True)
class Audited:
    """The audit of what one bundle cleared at one operating point: `shift`, of its thresholds on the logit scale.

    `judged` and `fake` count the uniform part, a simple random sample, on which the bound stands; `all_judged` and
    `all_fake` count the narrow ones, too. `estimate` weighs each judged draw by one over its chance of being drawn.
    """

    digest: str
    version: str
    judged: int
    fake: int
    all_judged: int
    all_fake: int
    not_assessable: int
    waiting: int
    estimate: float | None
    shift: float = 0.0

    @property
    def bound(self) -> float:
        """Upper bound on the share of fakes among the cleared, at 95 % confidence; 1 before the first decision."""
        return clopper_pearson_upper(self.fake, self.judged)

    @property
    def lower_bound(self) -> float:
        """Lower bound on that share, at 95 % confidence; 0 before the first decision."""
        return clopper_pearson_lower(self.fake, self.judged)


def audits_by_bundle(*, viewer: User) -> list[Audited]:
    """One row per bundle and operating point whose cleared submissions were drawn.

    The last final decision counts, once no further review of the face is pending.
    """
    return _by_bundle(as_seen_by(viewer)) if may_see_audits(viewer) else []


def audits_by_bundle_unchecked() -> list[Audited]:
    """`audits_by_bundle` for the command line."""
    return _by_bundle(None)


def _by_bundle(until: datetime | None) -> list[Audited]:
    rows = (
        _drawn(until)
        .values(
            "is_uniform",
            "label",
            "waits",
            digest=F("submission__scoring__bundle_digest"),
            version=F("submission__scoring__bundle_version"),
            shift=F("submission__scoring__shift"),
        )
        .annotate(number=Count("pk"), weight=Sum(1.0 / F("probability"), output_field=FloatField()))
    )
    groups: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for row in rows.order_by("digest", "shift"):
        groups.setdefault((row["digest"], row["shift"]), []).append(row)
    return [_audited(group) for group in groups.values()]


def audit_at(audits: Iterable[Audited], *, digest: str, shift: float) -> Audited | None:
    """That of one bundle at one operating point; None where nothing was drawn."""
    return next((row for row in audits if (row.digest, row.shift) == (digest, shift)), None)


@dataclass(frozen=True, slots=True)
class AuditWeek:
    """One week of the uniform part of the audit of one bundle at one operating point: how many cleared ones were
    judged, and found fake."""

    week: datetime
    digest: str
    shift: float
    judged: int
    fake: int


def audits_by_week(*, viewer: User) -> list[AuditWeek]:
    """Weeks and bundles of which something was judged."""
    if not may_see_audits(viewer):
        return []
    rows = (
        _drawn(as_seen_by(viewer))
        .filter(is_uniform=True, waits=False, label__in=ASSESSED_LABELS)
        .annotate(week=TruncWeek("submission__scoring__scored_at"))
        .values("week", digest=F("submission__scoring__bundle_digest"), shift=F("submission__scoring__shift"))
        .annotate(judged=Count("pk"), fake=Count("pk", filter=Q(label=Decision.Label.FAKE)))
    )
    return [AuditWeek(**row) for row in rows.order_by("week", "digest", "shift")]


def as_seen_by(viewer: User) -> datetime | None:
    """The moment whose state of the audit the viewer sees; None for the present one."""
    return day_of() if may_decide(viewer) else None


def _drawn(until: datetime | None) -> Any:
    return draws_judged(AuditDraw.Outcome.CLEAR, until)


def draws_judged(outcome: AuditDraw.Outcome, until: datetime | None) -> Any:
    """Customers' submissions that were drawn, with the `label` of the last final decision, and whether somebody still
    looks at the face (`waits`); as it was at `until`, or as it is."""
    rows = AuditDraw.objects.filter(outcome=outcome, submission__is_planted=False)
    said = Decision.objects.final().exclude(item__reason=ReviewItem.Reason.GOLD)
    undecided = ~Q(state=ReviewItem.State.DECIDED)
    looks = ReviewItem.objects.exclude(reason=ReviewItem.Reason.GOLD)
    if until is not None:
        rows, looks = rows.filter(drawn_at__lt=until), looks.filter(opened_at__lt=until)
        said, undecided = said.filter(item__decided_at__lt=until), undecided | Q(decided_at__gte=until)
    label = said.filter(submission=OuterRef("submission")).order_by("-pk").values("label")[:1]
    waits = looks.filter(undecided, submission=OuterRef("submission"))
    return rows.annotate(label=Subquery(label), waits=Exists(waits))


def _audited(rows: Iterable[Mapping[str, Any]]) -> Audited:
    rows = list(rows)
    judged = [row for row in rows if not row["waits"] and row["label"] in ASSESSED_LABELS]
    fakes = [row for row in judged if row["label"] == Decision.Label.FAKE]
    weight = sum(row["weight"] for row in judged)
    return Audited(
        digest=rows[0]["digest"],
        version=rows[0]["version"],
        shift=rows[0]["shift"],
        judged=sum(row["number"] for row in judged if row["is_uniform"]),
        fake=sum(row["number"] for row in fakes if row["is_uniform"]),
        all_judged=sum(row["number"] for row in judged),
        all_fake=sum(row["number"] for row in fakes),
        not_assessable=sum(
            row["number"]
            for row in rows
            if not row["waits"] and row["label"] == Decision.Label.NOT_ASSESSABLE
        ),
        waiting=sum(row["number"] for row in rows if row["waits"] or row["label"] is None),
        estimate=sum(row["weight"] for row in fakes) / weight if weight else None,
    )
