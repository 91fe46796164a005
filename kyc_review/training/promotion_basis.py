"""What a promotion rests on: the proposal that was approved, and the figures at the operating point that serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kyc_review.registry.models import Promotion
from kyc_review.training.gate import load_at, point_at
from kyc_review.training.models import Comparison, Proposal

NEAR = timedelta(minutes=1)  # a promotion and the approval that it follows are written in one transaction
SAME = 0.005  # shifts that differ by less are one operating point


def proposal_of(promotion: Promotion) -> Proposal | None:
    """The approved one that the promotion follows; None for a rollback and for one by the command line."""
    if promotion.kind != Promotion.Kind.PROMOTE or promotion.promoted_by_id is None:
        return None
    approved = Proposal.objects.filter(
        state=Proposal.State.APPROVED,
        comparison__candidate=promotion.bundle_id,
        shift=promotion.shift,
        decided_by=promotion.promoted_by_id,
        decided_at__range=(promotion.promoted_at - NEAR, promotion.promoted_at + NEAR),
    )
    rows = approved.select_related("comparison__snapshot", "comparison__champion", "comparison__candidate")
    return rows.order_by("-pk").first()


def promotion_of(proposal: Proposal) -> Promotion | None:
    """The promotion that followed the proposal's approval; None unless it was approved."""
    if proposal.state != Proposal.State.APPROVED or proposal.decided_at is None:
        return None
    followed = Promotion.objects.filter(
        kind=Promotion.Kind.PROMOTE,
        bundle=proposal.comparison.candidate_id,
        shift=proposal.shift,
        promoted_by=proposal.decided_by,
        promoted_at__range=(proposal.decided_at - NEAR, proposal.decided_at + NEAR),
    )
    return followed.order_by("-pk").first()


@dataclass(frozen=True, slots=True)
class MeasuredFigures:
    """Weighted figures of a bundle by a comparison, with its thresholds moved by `shift` on the logit scale.

    Each is {"value", "low", "high", "n"}, shares from 0 to 1 with the 95 % interval; load is None where nothing was
    replayed. is_in_production: `shift` is the operating point of the promotion that they were asked for.
    """

    comparison: Comparison
    shift: float
    recall: Mapping[str, float]
    false_alarm: Mapping[str, float]
    load: Mapping[str, float] | None
    is_in_production: bool


def figures_of(promotion: Promotion) -> MeasuredFigures | None:
    """At the promotion's operating point if a comparison measured the bundle there, else as trained; None without any.

    The latest comparison that measured it as the champion there comes first, then that of the approved proposal, then
    the latest one that measured it as a candidate.
    """
    ended = Comparison.objects.filter(state=Comparison.State.SUCCEEDED).order_by("-pk")
    as_champion = ended.filter(champion=promotion.bundle_id)
    proposal = proposal_of(promotion)
    proposed = [proposal.comparison] if proposal else []
    as_candidate = ended.filter(candidate=promotion.bundle_id)[:1]
    for shift in dict.fromkeys((promotion.shift, 0.0)):
        here = as_champion.filter(champion_shift__range=(shift - SAME, shift + SAME))[:1]
        found = [(row, _as_champion(row, shift)) for row in here]
        found += [(row, _as_candidate(row, shift)) for row in (*proposed, *as_candidate)]
        for row, figures in found:
            if figures is not None:
                return MeasuredFigures(row, shift, *figures, is_in_production=shift == promotion.shift)
    return None


Figures = tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float] | None]


def _as_champion(row: Comparison, shift: float) -> Figures | None:
    report: dict[str, Any] = row.report
    weighted, replay = report["holdout"].get("weighted"), report["replay"]
    if weighted is None:
        return None
    rates = weighted["champion"]
    return rates["recall"], rates["false_alarm"], replay.get("champion")


def _as_candidate(row: Comparison, shift: float) -> Figures | None:
    """None where the report has no such point, or from before figures were weighted."""
    report: dict[str, Any] = row.report
    try:
        point = point_at(report["holdout"]["weighted"]["points"], shift)
        return point["recall"], point["false_alarm"], load_at(report["replay"], shift)
    except KeyError:
        return None
