"""How often a check sends a usable picture back: from the quality sample of what was sent back without a person.

A reviewer who judges such a picture real or fake could assess it: the check refused it wrongly. Each draw counts by one
over the chance that it had when it was drawn: where AUDIT_SHARE was raised, the pictures since then are many in the
sample, and not among what was sent back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, F
from django.db.models.fields.json import KeyTextTransform
from django.utils.text import capfirst
from django.utils.translation import gettext

from detection.checks import CheckCode
from estimation.weighted import weighted_interval, weighted_rate
from kyc_review.core.permissions import may_see_audits
from kyc_review.review.audit_counts import draws_judged
from kyc_review.review.audit_results import as_seen_by
from kyc_review.scoring.check_words import CODES

from .models import AuditDraw, Decision

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

TEXT_MAX = 40


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many sampled pictures of one group were judged, were assessable after all (`wrong`), and still wait.

    `rate` and `interval` (95 %) are of all pictures of the group that were sent back while some were drawn, usable ones
    among them; None and 0 to 1 before one was judged.
    """

    group: str
    judged: int
    wrong: int
    waiting: int
    rate: float | None
    interval: tuple[float, float]


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
        draws_judged(AuditDraw.Outcome.RESUBMIT, as_seen_by(viewer))
        .annotate(group=KeyTextTransform(field, "submission__metadata"))
        .values("label", "waits", "group", "probability", code=F("submission__result_reason"))
        .annotate(number=Count("pk"))
    )
    groups = sorted({row["group"] for row in rows if row["group"]}) if field else []
    return RefusalTable(
        everything=_counted(gettext("All"), rows),
        by_reason=tuple(
            _counted(_words(code), (row for row in rows if row["code"] == code))
            for code in sorted({row["code"] for row in rows})
        ),
        by_group=tuple(
            _counted(group[:TEXT_MAX], (row for row in rows if row["group"] == group)) for group in groups
        ),
        group_field=field,
    )


def _counted(group: str, rows: Iterable[dict[str, Any]]) -> Refusals:
    waiting = 0
    wrong: list[bool] = []
    weights: list[float] = []
    for row in rows:
        number = row["number"]
        if row["waits"] or not row["label"]:
            waiting += number
            continue
        wrong += [row["label"] != Decision.Label.NOT_ASSESSABLE] * number
        weights += [1 / row["probability"]] * number
    return Refusals(
        group=group,
        judged=len(wrong),
        wrong=sum(wrong),
        waiting=waiting,
        rate=weighted_rate(wrong, weights) if wrong else None,
        interval=weighted_interval(wrong, weights),
    )


def _words(code: str) -> str:
    return capfirst(str(CODES[CheckCode(code)])) if code in set(CheckCode) else code
