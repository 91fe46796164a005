"""Where the loop stands now, as a strip: decisions, snapshot, training, comparison, approval, production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse

from kyc_review.datasets.selectors import snapshots_listed, unused_decisions
from kyc_review.registry.selectors import serving_promotion
from kyc_review.retraining.model_presenter import DAY, Step
from kyc_review.training.progress import progress_of
from kyc_review.training.selectors import comparisons_listed, proposals_listed, runs_listed

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def stages(*, viewer: User) -> list[Step]:
    """The latest of each stage; an open one waits, or is worked on."""
    unused = unused_decisions(viewer=viewer).count()
    return [
        Step(
            "Decisions",
            f"{unused:,} new",
            "open" if unused else "done",
            "?decisions#lists",
            "in no snapshot yet",
        ),
        _snapshot(viewer),
        _run(viewer),
        _comparison(viewer),
        _approval(viewer),
        _production(),
    ]


def _snapshot(viewer: User) -> Step:
    row = snapshots_listed(viewer=viewer).first()
    if row is None:
        return Step("Snapshot", "None yet", "none")
    there = reverse("retraining:snapshot", args=[row.name])
    state = "done" if row.state in (row.State.READY, row.State.FAILED) else "open"
    return Step("Snapshot", row.name, state, there, row.get_state_display())


def _run(viewer: User) -> Step:
    row = runs_listed(viewer=viewer).first()
    if row is None:
        return Step("Training", "None yet", "none")
    there = reverse("retraining:run", args=[row.pk])
    percent = "" if row.is_ended else f", {progress_of(row).percent} %"
    state = "done" if row.is_ended else "open"
    return Step("Training", f"Run {row.pk}", state, there, f"{row.get_state_display()}{percent}")


def _comparison(viewer: User) -> Step:
    row = comparisons_listed(viewer=viewer).first()
    if row is None:
        return Step("Comparison", "None yet", "none")
    there = reverse("retraining:comparison", args=[row.pk])
    state = "done" if row.is_ended else "open"
    return Step("Comparison", f"{row.candidate.version}", state, there, row.get_state_display())


def _approval(viewer: User) -> Step:
    row = proposals_listed(viewer=viewer).first()
    if row is None:
        return Step("Approval", "None yet", "none")
    there = reverse("retraining:comparison", args=[row.comparison_id]) + f"?shift={row.shift:g}"
    state = "open" if row.is_open else "done"
    return Step("Approval", row.comparison.candidate.version, state, there, row.get_state_display())


def _production() -> Step:
    step = serving_promotion()
    if step is None:
        return Step("Production", "Nothing serves", "none")
    there = reverse("registry:model", args=[step.bundle.digest])
    return Step("Production", step.bundle.version, "done", there, f"since {step.promoted_at:{DAY}}")
