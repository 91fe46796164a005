"""A bundle's way as a strip of steps, from decisions to later outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone

from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import Service
from kyc_review.scoring.models import Scoring
from kyc_review.training.lineage import History

if TYPE_CHECKING:
    from kyc_review.review.audit_results import Audited

DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Step:
    """One box of a strip. state: "done", "open" (waits, or goes on) or "none" (there is none)."""

    title: str
    text: str
    state: str
    url: str = ""
    more: str = ""


def steps_of(
    bundle: Bundle, past: History, services: list[Service], judged: int, audited: Audited | None, later: str
) -> list[Step]:
    """Decisions, snapshot, training, comparison, proposal, production, submissions, later outcomes."""
    return [
        *_origin(bundle, past),
        _comparison(past),
        _proposal(past),
        _production(services),
        Step(
            "Submissions",
            f"{judged:,} judged" if judged else "None judged",
            "done" if judged else "none",
            reverse("insights:loop") if judged else "",
            f"{audited.fake} fakes in {audited.judged} audited clears" if audited else "",
        ),
        Step("Later outcomes", later or "None reported", "done" if later else "none"),
    ]


def judged_by(bundle: Bundle, services: list[Service]) -> int:
    """Submissions that it judged; the times in production bound what is read."""
    if not services:
        return 0
    return Scoring.objects.filter(
        bundle_digest=bundle.digest,
        scored_at__gte=services[-1].step.promoted_at,
        submission__is_test=False,
        submission__is_planted=False,
    ).count()


def origin_of(bundle: Bundle, past: History) -> str:
    """In words; "trained here" only if a training run of this installation made it."""
    if bundle.source == Bundle.Source.TRAINED and past.run is None:
        return str(Bundle.Source.IMPORTED.label)
    return bundle.get_source_display()


def _origin(bundle: Bundle, past: History) -> list[Step]:
    """For what came from elsewhere one step says so; it is never called trained here."""
    run, snapshot = past.run, past.snapshot
    if run is None:
        return [Step("Origin", origin_of(bundle, past), "done", "", f"Stated date: {bundle.trained_at[:10]}")]
    snapshot = snapshot or run.snapshot
    there = reverse("retraining:snapshot", args=[snapshot.name])
    begin = "from scratch" if run.scratch else f"from {past.parent.version}" if past.parent else "fine-tuned"
    return [
        Step("Decisions", f"{snapshot.count_real} real, {snapshot.count_fake} fake", "done", there),
        Step("Snapshot", snapshot.name, "done", there, f"{snapshot.created_at:{DAY}}"),
        Step(
            "Training",
            f"Run {run.pk}",
            "done",
            reverse("retraining:run", args=[run.pk]),
            f"{begin}, {run.created_at:{DAY}}",
        ),
    ]


def _comparison(past: History) -> Step:
    if not past.comparisons:
        return Step("Comparison", "Not compared", "none")
    latest = past.comparisons[0]
    return Step(
        "Comparison",
        f"Against {latest.champion.version}",
        "done" if latest.is_ended else "open",
        reverse("retraining:comparison", args=[latest.pk]),
        f"{latest.get_state_display()}, {latest.created_at:{DAY}}",
    )


def _proposal(past: History) -> Step:
    if not past.proposals:
        return Step("Proposal", "Not proposed", "none")
    latest = past.proposals[0]
    by = f"{latest.proposed_by}" + (f" and {latest.decided_by}" if latest.decided_by else "")
    there = reverse("retraining:comparison", args=[latest.comparison_id]) + f"?shift={latest.shift:g}"
    return Step("Proposal", latest.get_state_display(), "open" if latest.is_open else "done", there, by)


def _production(services: list[Service]) -> Step:
    if not services:
        return Step("Production", "Never", "none")
    first, latest = services[-1], services[0]
    until = f"until {latest.until:{DAY}}" if latest.until else "today"
    days = sum(((service.until or timezone.now()) - service.step.promoted_at).days for service in services)
    text = f"{first.step.promoted_at:{DAY}} {until}"
    return Step("Production", text, "done" if latest.until else "open", "#production", f"{days} days in all")
