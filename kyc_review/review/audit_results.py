"""What the audit found, for each bundle at each operating point that cleared: an upper bound on the fakes among the
submissions it cleared there.

Planted forgeries never count. So people who decide see the audit as it was when today began: a number that does not
move with a decision would say that the face was planted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from estimation.intervals import clopper_pearson_lower, clopper_pearson_upper
from kyc_review.core.permissions import may_decide, may_see_audits
from kyc_review.review.audit_counts import draws_counted
from kyc_review.review.known_answers import day_of
from kyc_review.review.models import ASSESSED_LABELS, Decision

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
    groups: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for row in sorted(draws_counted(until), key=lambda row: (row["digest"], row["shift"])):
        groups.setdefault((row["digest"], row["shift"]), []).append(row)
    return [_audited(group) for group in groups.values()]


def audit_at(audits: Iterable[Audited], *, digest: str, shift: float) -> Audited | None:
    """That of one bundle at one operating point; None where nothing was drawn."""
    return next((row for row in audits if (row.digest, row.shift) == (digest, shift)), None)


@dataclass(frozen=True, slots=True)
class AuditWeek:
    """The uniform part of the audit of what one bundle cleared at one operating point in one week, by the time of the
    draw: how many were judged, and found fake."""

    week: datetime
    digest: str
    shift: float
    judged: int
    fake: int


def audits_by_week(*, viewer: User) -> list[AuditWeek]:
    """Weeks and bundles of which something was judged."""
    if not may_see_audits(viewer):
        return []
    weeks: dict[tuple[datetime, str, float], Counter[str]] = {}
    for row in draws_counted(as_seen_by(viewer), by_week=True):
        if row["is_uniform"] and not row["waits"] and row["label"] in ASSESSED_LABELS:
            key = (row["week"], row["digest"], row["shift"])
            weeks.setdefault(key, Counter())[row["label"]] += row["number"]
    return [
        AuditWeek(*key, judged=labels.total(), fake=labels[Decision.Label.FAKE])
        for key, labels in sorted(weeks.items())
    ]


def as_seen_by(viewer: User) -> datetime | None:
    """The moment whose state of the audit the viewer sees; None for the present one."""
    return day_of() if may_decide(viewer) else None


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
        waiting=sum(row["number"] for row in rows if row["waits"] or not row["label"]),
        estimate=sum(row["weight"] for row in fakes) / weight if weight else None,
    )
