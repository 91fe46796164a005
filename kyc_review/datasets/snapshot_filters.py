"""Which decisions a snapshot holds: everything that is final, or what an admin narrowed it down to.

The digest covers the items alone; choices are kept in the row and in the manifest's head, as the reason for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.formats import date_format
from django.utils.translation import gettext

from kyc_review.core.days import begin_of, end_of
from kyc_review.core.permissions import may_freeze
from kyc_review.review.models import ASSESSED_LABELS, Decision, ReviewItem
from kyc_review.review.models.decisions import DecisionRows
from kyc_review.submissions.models import State

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def _latest_decisions() -> DecisionRows:
    """One decision per submission: a later one (a second review) replaces an earlier one.

    A submission that still waits for a person, as after an audit's first decision, has no consensus and is left out.
    """
    waiting = (
        ReviewItem.objects.filter(submission=OuterRef("submission"))
        .exclude(state=ReviewItem.State.DECIDED)
        .exclude(reason=ReviewItem.Reason.GOLD)
    )
    return (
        Decision.objects.final()
        .exclude(item__reason=ReviewItem.Reason.GOLD)
        .filter(
            ~Exists(waiting),
            submission__state=State.COMPLETED,
            submission__is_test=False,
            submission__is_planted=False,
            submission__erased_at=None,
        )
        .order_by("submission_id", "-decided_at", "-pk")
        .distinct("submission_id")
    )


def _agreed() -> Exists:
    """Final, uncorrected decisions that say the same: of two people, or of the third who settled it."""
    corrected = Decision.objects.filter(corrects=OuterRef("pk"))
    same = (
        Decision.objects.final()
        .exclude(item__reason=ReviewItem.Reason.GOLD)
        .filter(~Exists(corrected), submission=OuterRef("submission"), label=OuterRef("label"))
    )
    people = Count("reviewer", distinct=True)
    settled = Count("pk", filter=Q(item__reason=ReviewItem.Reason.ADJUDICATION))
    counted = same.order_by().values("submission").annotate(people=people, settled=settled)
    return Exists(counted.filter(Q(people__gte=2) | Q(settled__gt=0)))


@dataclass(frozen=True, slots=True)
class SnapshotFilter:
    """consensus: only decisions that two people agreed on or a third settled; sources: integrations' slugs;
    reasons: why items came to people; since, until: days of the decision that counts, both included. Empty:
    all of them."""

    consensus: bool = False
    sources: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def as_dict(self) -> dict[str, Any]:
        """What was chosen, for the row and the manifest; nothing of what was not."""
        days = {name: str(day) for name in ("since", "until") if (day := getattr(self, name))}
        lists = {name: sorted(chosen) for name in ("sources", "reasons") if (chosen := getattr(self, name))}
        return ({"consensus": True} if self.consensus else {}) | lists | days

    def decisions(self) -> DecisionRows:
        """The decisions that are chosen."""
        rows = Decision.objects.filter(
            pk__in=_latest_decisions().values("pk"), label__in=[Decision.Label.REAL, Decision.Label.FAKE]
        )
        if self.consensus:
            rows = rows.filter(_agreed())
        if self.sources:
            rows = rows.filter(submission__integration__slug__in=self.sources)
        if self.reasons:
            rows = rows.filter(item__reason__in=self.reasons)
        if self.since:
            rows = rows.filter(decided_at__gte=begin_of(self.since))
        if self.until:
            rows = rows.filter(decided_at__lte=end_of(self.until))
        return rows


ALL_FINAL = SnapshotFilter()


def count_matching(*, viewer: User, choices: SnapshotFilter) -> dict[str, int]:
    """How many real and fake decisions a snapshot with these choices would hold now; none for who may make none."""
    if not may_freeze(viewer):
        return dict.fromkeys(ASSESSED_LABELS, 0)
    counted = choices.decisions().order_by().values("label").annotate(number=Count("pk"))
    return dict.fromkeys(ASSESSED_LABELS, 0) | dict(counted.values_list("label", "number"))


def describe_filter(choices: Mapping[str, Any]) -> list[str]:
    """A snapshot's choices in words, one line for each; empty when it holds everything."""
    lines = []
    if choices.get("consensus"):
        lines.append(gettext("Consensus only: two people agreed, or a third settled it"))
    if sources := choices.get("sources"):
        lines.append(gettext("From %(sources)s") % {"sources": ", ".join(sources)})
    if reasons := choices.get("reasons"):
        labels = ", ".join(str(ReviewItem.Reason(reason).label) for reason in reasons)
        lines.append(gettext("Because of: %(reasons)s") % {"reasons": labels})
    if since := choices.get("since"):
        lines.append(gettext("Decided from %(day)s") % {"day": _shown_day(since)})
    if until := choices.get("until"):
        lines.append(gettext("Decided up to %(day)s") % {"day": _shown_day(until)})
    return lines


def _shown_day(day: str) -> str:
    return date_format(date.fromisoformat(day), "SHORT_DATE_FORMAT")
