"""How often a check sends a usable picture back: from the quality sample of what was sent back without a person.

A reviewer who judges such a picture real or fake could assess it: the check refused it wrongly. The sample is drawn
with one share for all, so its rate is an unbiased estimate; the bound says how bad it may be with 95 % confidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.db.models.fields.json import KeyTextTransform

from detection.checks import CheckCode
from estimation.intervals import clopper_pearson_upper
from kyc_review.core.permissions import may_see_audits
from kyc_review.scoring.check_words import CODES

from .models import AuditDraw, Decision, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

TEXT_MAX = 40


@dataclass(frozen=True, slots=True)
class Refusals:
    """Of the sampled pictures of one group: judged by people, assessable after all (`wrong`), still waiting."""

    group: str
    judged: int
    wrong: int
    waiting: int

    @property
    def bound(self) -> float:
        """At most this share of the pictures sent back was usable, with 95 % confidence; 1 before any was judged."""
        return clopper_pearson_upper(self.wrong, self.judged)


@dataclass(frozen=True, slots=True)
class RefusalTable:
    """`by_group` holds the values of the metadata field COMPARISON_GROUP_FIELD; empty where it is not set."""

    everything: Refusals
    by_reason: tuple[Refusals, ...]
    by_group: tuple[Refusals, ...]
    group_field: str


def refusals_sampled(*, viewer: User) -> RefusalTable | None:
    """None for people who may not see the quality sample's results."""
    if not may_see_audits(viewer):
        return None
    field = settings.COMPARISON_GROUP_FIELD
    rows = list(
        _sample()
        .annotate(group=KeyTextTransform(field, "submission__metadata"))
        .values("label", "waits", "group", code=F("submission__result_reason"))
        .annotate(number=Count("pk"))
    )
    groups = sorted({row["group"] for row in rows if row["group"]}) if field else []
    return RefusalTable(
        everything=_counted("All", rows),
        by_reason=tuple(
            _counted(_words(code), (row for row in rows if row["code"] == code))
            for code in sorted({row["code"] for row in rows})
        ),
        by_group=tuple(
            _counted(group[:TEXT_MAX], (row for row in rows if row["group"] == group)) for group in groups
        ),
        group_field=field,
    )


def _sample() -> Any:
    """With the `label` of the last final decision, and whether someone still looks at it (`waits`)."""
    said = Decision.objects.final().exclude(item__reason=ReviewItem.Reason.GOLD)
    label = said.filter(submission=OuterRef("submission")).order_by("-pk").values("label")[:1]
    undecided = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED)
    waits = undecided.exclude(reason=ReviewItem.Reason.GOLD).filter(submission=OuterRef("submission"))
    sent_back = AuditDraw.objects.filter(outcome=AuditDraw.Outcome.RESUBMIT)
    return sent_back.annotate(label=Subquery(label), waits=Exists(waits))


def _counted(group: str, rows: Iterable[dict[str, Any]]) -> Refusals:
    judged = wrong = waiting = 0
    for row in rows:
        if row["waits"] or row["label"] is None:
            waiting += row["number"]
            continue
        judged += row["number"]
        if row["label"] != Decision.Label.NOT_ASSESSABLE:
            wrong += row["number"]
    return Refusals(group, judged, wrong, waiting)


def _words(code: str) -> str:
    return CODES[CheckCode(code)].capitalize() if code in set(CheckCode) else code
