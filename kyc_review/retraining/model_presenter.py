"""A bundle's way as a strip of steps, from decisions to later outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from kyc_review.core.numbers import number
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import Service
from kyc_review.scoring.models import Scoring
from kyc_review.training.lineage import History

if TYPE_CHECKING:
    from kyc_review.review.audit_results import Audited


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
            gettext("Submissions"),
            gettext("%(number)s judged") % {"number": number(judged)} if judged else gettext("None judged"),
            "done" if judged else "none",
            reverse("insights:loop") if judged else "",
            gettext("%(fakes)s fakes in %(judged)s audited clears")
            % {"fakes": audited.fake, "judged": audited.judged}
            if audited
            else "",
        ),
        Step(gettext("Later outcomes"), later or gettext("None reported"), "done" if later else "none"),
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
        return [
            Step(
                gettext("Origin"),
                origin_of(bundle, past),
                "done",
                "",
                gettext("Stated date: %(day)s") % {"day": bundle.trained_at[:10]},
            )
        ]
    snapshot = snapshot or run.snapshot
    there = reverse("retraining:snapshot", args=[snapshot.name])
    if run.scratch:
        begin = gettext("from scratch, %(day)s")
    elif past.parent:
        begin = gettext("from %(version)s, %(day)s")
    else:
        begin = gettext("fine-tuned, %(day)s")
    values = {"version": past.parent.version if past.parent else "", "day": _day(run.created_at)}
    labels = gettext("%(reals)s real, %(fakes)s fake") % {
        "reals": snapshot.count_real,
        "fakes": snapshot.count_fake,
    }
    return [
        Step(gettext("Decisions"), labels, "done", there),
        Step(gettext("Snapshot"), snapshot.name, "done", there, _day(snapshot.created_at)),
        Step(
            gettext("Training"),
            gettext("Run %(number)s") % {"number": run.pk},
            "done",
            reverse("retraining:run", args=[run.pk]),
            begin % values,
        ),
    ]


def _comparison(past: History) -> Step:
    if not past.comparisons:
        return Step(gettext("Comparison"), gettext("Not compared"), "none")
    latest = past.comparisons[0]
    return Step(
        gettext("Comparison"),
        gettext("Against %(version)s") % {"version": latest.champion.version},
        "done" if latest.is_ended else "open",
        reverse("retraining:comparison", args=[latest.pk]),
        f"{latest.get_state_display()}, {_day(latest.created_at)}",
    )


def _proposal(past: History) -> Step:
    if not past.proposals:
        return Step(gettext("Proposal"), gettext("Not proposed"), "none")
    latest = past.proposals[0]
    by = f"{latest.proposed_by}"
    if latest.decided_by:
        by = gettext("%(one)s and %(other)s") % {"one": by, "other": latest.decided_by}
    there = reverse("retraining:comparison", args=[latest.comparison_id]) + f"?shift={latest.shift:g}"
    return Step(
        gettext("Proposal"), latest.get_state_display(), "open" if latest.is_open else "done", there, by
    )


def _production(services: list[Service]) -> Step:
    if not services:
        return Step(gettext("Production"), gettext("Never"), "none")
    first, latest = services[-1], services[0]
    days = sum(((service.until or timezone.now()) - service.step.promoted_at).days for service in services)
    begin = _day(first.step.promoted_at)
    if latest.until:
        text = gettext("%(first)s until %(last)s") % {"first": begin, "last": _day(latest.until)}
    else:
        text = gettext("%(first)s until today") % {"first": begin}
    total = ngettext("%(number)s day in all", "%(number)s days in all", days) % {"number": days}
    return Step(gettext("Production"), text, "done" if latest.until else "open", "#production", total)


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATE_FORMAT")
