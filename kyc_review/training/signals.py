"""Reasons that suggest retraining to an admin; the calendar is in `training.schedule`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from detection.voting import Verdict
from estimation.drift import changed_by, stability_index
from kyc_review.core.permissions import may_see_retraining
from kyc_review.datasets.selectors import unused_decisions_unchecked
from kyc_review.registry.models import Promotion
from kyc_review.registry.selectors import serving_promotion
from kyc_review.review.audit_results import audits_by_bundle_unchecked
from kyc_review.scoring.models import Scoring
from kyc_review.training.gate import load_at
from kyc_review.training.models import Proposal

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

DECISIONS = "New decisions"  # suggests a training; the other signals are alarms
SPAN = timedelta(days=7)
SCORED_LEAST, SCORED_READ = 200, 20_000
INDEX_MAX = 0.25
SPLIT_CHANGE, SPLIT_ERRORS = 0.05, 3.0
JUDGED_LEAST = 60


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing to watch, in words; `calls` when it calls for retraining, None when there is too few data."""

    name: str
    calls: bool | None
    detail: str


def retraining_signals(*, viewer: User) -> list[Signal]:
    """What speaks for retraining now and what does not; nothing for people who may not see retraining."""
    return retraining_signals_unchecked() if may_see_retraining(viewer) else []


def retraining_signals_unchecked() -> list[Signal]:
    """As `retraining_signals`, for the command line and tasks, which have no viewer."""
    promotion = serving_promotion()
    return [_decisions(), *_drift(promotion), _audit(promotion)]


def _decisions() -> Signal:
    new, wished = unused_decisions_unchecked().count(), settings.RETRAIN_SUGGEST_DECISIONS
    return Signal(
        DECISIONS, new >= wished, f"{new} are in no snapshot yet; {wished} suggest a new candidate."
    )


def _drift(promotion: Promotion | None) -> list[Signal]:
    """The last week against the champion's first; before two weeks are over, the load since the promotion."""
    now = timezone.now()
    first = promotion.promoted_at if promotion else now
    names = ("Scores", "Split votes")
    if promotion is None or first > now - 2 * SPAN:
        told = "The champion has been in production for less than two weeks; its first week is the reference."
        young = [Signal(name, None, told) for name in names]
        return young if promotion is None else [*young, _since_promotion(promotion)]
    reference = _scored(promotion, first, first + SPAN)
    recent = _scored(promotion, now - SPAN, now)
    if min(len(reference), len(recent)) < SCORED_LEAST:
        told = f"{len(reference)} selfies in the champion's first week and {len(recent)} in the last; "
        return [Signal(name, None, f"{told}{SCORED_LEAST} of each are needed.") for name in names]
    index = stability_index([risk for risk, _ in reference], [risk for risk, _ in recent])
    change, errors = changed_by(_splits(reference), _splits(recent))
    return [
        Signal(
            names[0],
            index > INDEX_MAX,
            f"Population stability index {index:.2f} between the champion's first week and the last; above "
            f"{INDEX_MAX} submissions look different.",
        ),
        Signal(
            names[1],
            abs(change) > SPLIT_CHANGE and errors > SPLIT_ERRORS,
            f"The models disagree on {abs(change):.1%} {'more' if change > 0 else 'fewer'} of the selfies than in the "
            f"champion's first week; {SPLIT_CHANGE:.0%} and {SPLIT_ERRORS:g} standard errors need attention.",
        ),
    ]


def _since_promotion(promotion: Promotion) -> Signal:
    """Watches from the first day: what goes to people since the promotion, against what was promised.

    Risks of two bundles are on different scales, so their scores are not compared; the share that reaches people is,
    with the replay that the promotion rests on, or with the week before it.
    """
    name = "Load since the promotion"
    recent = _scored(promotion, promotion.promoted_at, timezone.now())
    promised, basis = _promised(promotion)
    if min(len(recent), promised[1]) < SCORED_LEAST:
        told = f"{len(recent)} selfies since the promotion and {promised[1]} in {basis}; "
        return Signal(name, None, f"{told}{SCORED_LEAST} of each are needed.")
    change, errors = changed_by(promised, _flagged(recent))
    return Signal(
        name,
        abs(change) > SPLIT_CHANGE and errors > SPLIT_ERRORS,
        f"People see {abs(change):.1%} {'more' if change > 0 else 'fewer'} of the selfies than in {basis}; "
        f"{SPLIT_CHANGE:.0%} and {SPLIT_ERRORS:g} standard errors need attention.",
    )


def _promised(promotion: Promotion) -> tuple[tuple[int, int], str]:
    """((flagged, total), where that was seen)."""
    proposal = (
        Proposal.objects.filter(
            state=Proposal.State.APPROVED,
            comparison__candidate=promotion.bundle,
            decided_at__lte=promotion.promoted_at + timedelta(minutes=1),
        )
        .select_related("comparison")
        .order_by("-pk")
        .first()
    )
    if proposal is not None and promotion.kind == Promotion.Kind.PROMOTE:
        replay = proposal.comparison.report["replay"]
        if load := load_at(replay, proposal.shift):
            return (round(load["value"] * replay["n"]), replay["n"]), "the replay that the promotion rests on"
    since = promotion.promoted_at - SPAN
    rows = Scoring.objects.filter(
        scored_at__gte=since,
        scored_at__lt=promotion.promoted_at,
        submission__is_test=False,
        submission__is_planted=False,
    )
    week = list(rows.order_by("-scored_at").values_list("risk", "verdict")[:SCORED_READ])
    return _flagged(week), "the week before it"


def _audit(promotion: Promotion | None) -> Signal:
    """Few faces can show that too much is missed, though not that all is well: the lower bound alarms whatever their
    number, the upper one is a certificate and needs JUDGED_LEAST."""
    limit = settings.AUDIT_BOUND_MAX
    digest = promotion.bundle.digest if promotion else ""
    found = next((row for row in audits_by_bundle_unchecked() if row.digest == digest), None)
    if found is not None and found.lower_bound > limit:
        return Signal(
            "Audit",
            True,
            f"At least {found.lower_bound:.1%} of what the champion cleared is fake ({found.fake} found in "
            f"{found.judged}); the limit is {limit:.1%}.",
        )
    if found is None or found.judged < JUDGED_LEAST:
        judged = found.judged if found else 0
        return Signal(
            "Audit",
            None,
            f"{judged} of at least {JUDGED_LEAST} cleared faces in the random sample have a decision.",
        )
    return Signal(
        "Audit",
        found.bound > limit,
        f"At most {found.bound:.1%} of what the champion cleared is fake ({found.fake} found in {found.judged}); "
        f"the limit is {limit:.1%}.",
    )


def _scored(promotion: Promotion, since: datetime, until: datetime) -> list[tuple[float, str]]:
    """(risk, verdict) by the champion, the latest SCORED_READ of the span."""
    rows: Any = Scoring.objects.filter(
        scored_at__gte=since,
        scored_at__lt=until,
        bundle_digest=promotion.bundle.digest,
        submission__is_test=False,
        submission__is_planted=False,
    ).order_by("-scored_at")
    return list(rows.values_list("risk", "verdict")[:SCORED_READ])


def _flagged(rows: list[tuple[float, str]]) -> tuple[int, int]:
    return sum(verdict != Verdict.CLEAR for _, verdict in rows), len(rows)


def _splits(rows: list[tuple[float, str]]) -> tuple[int, int]:
    return sum(verdict == Verdict.SPLIT_VOTE for _, verdict in rows), len(rows)
