"""Where the loop stands now, as a strip: decisions, snapshot, training, comparison, approval, production."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from kyc_review.datasets.selectors import Unused, snapshots_listed
from kyc_review.registry.selectors import serving_promotion
from kyc_review.retraining.model_presenter import Step
from kyc_review.training.progress import progress_of
from kyc_review.training.selectors import comparisons_listed, proposals_listed, runs_listed

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def stages(*, viewer: User, unused: Unused) -> list[Step]:
    """The latest of each stage, which need not follow from each other, so each names what it rests on; an open one
    waits, or is worked on."""
    return [
        Step(
            gettext("Decisions"),
            gettext("%(number)s new") % {"number": unused},
            "open" if unused.number else "done",
            "?decisions#lists",
            gettext("in no snapshot yet"),
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
        return Step(gettext("Snapshot"), gettext("None yet"), "none")
    there = reverse("retraining:snapshot", args=[row.name])
    state = "done" if row.state in (row.State.READY, row.State.FAILED) else "open"
    return Step(gettext("Snapshot"), row.name, state, there, row.get_state_display())


def _run(viewer: User) -> Step:
    row = runs_listed(viewer=viewer).first()
    if row is None:
        return Step(gettext("Training"), gettext("None yet"), "none")
    there = reverse("retraining:run", args=[row.pk])
    percent = "" if row.is_ended else f", {progress_of(row).percent} %"
    state = "done" if row.is_ended else "open"
    name = gettext("Run %(number)s") % {"number": row.pk}
    more = gettext("%(state)s, on %(snapshot)s") % {
        "state": f"{row.get_state_display()}{percent}",
        "snapshot": row.snapshot.name,
    }
    return Step(gettext("Training"), name, state, there, more)


def _comparison(viewer: User) -> Step:
    row = comparisons_listed(viewer=viewer).first()
    if row is None:
        return Step(gettext("Comparison"), gettext("None yet"), "none")
    there = reverse("retraining:comparison", args=[row.pk])
    state = "done" if row.is_ended else "open"
    run = row.candidate.trained_by.order_by("pk").first()
    if run is None:
        more = gettext("Comparison %(number)s, %(state)s")
    else:
        more = gettext("Comparison %(number)s of what run %(run)s made, %(state)s")
    values = {"number": row.pk, "run": run.pk if run else "", "state": row.get_state_display().lower()}
    return Step(gettext("Comparison"), row.candidate.version, state, there, more % values)


def _approval(viewer: User) -> Step:
    row = proposals_listed(viewer=viewer).first()
    if row is None:
        return Step(gettext("Approval"), gettext("None yet"), "none")
    there = reverse("retraining:comparison", args=[row.comparison_id]) + f"?shift={row.shift:g}"
    state = "open" if row.is_open else "done"
    more = gettext("%(state)s, by comparison %(number)s") % {
        "state": row.get_state_display(),
        "number": row.comparison_id,
    }
    return Step(gettext("Approval"), row.comparison.candidate.version, state, there, more)


def _production() -> Step:
    step = serving_promotion()
    if step is None:
        return Step(gettext("Production"), gettext("Nothing serves"), "none")
    there = reverse("registry:model", args=[step.bundle.digest])
    since = gettext("since %(day)s") % {
        "day": date_format(timezone.localtime(step.promoted_at), "SHORT_DATE_FORMAT")
    }
    return Step(gettext("Production"), step.bundle.version, "done", there, since)
