"""Filters behind the points of a plot: the submissions, and the filter in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext, ngettext

from detection.voting import Verdict
from kyc_review.core.days import hours_after, moment_in_words
from kyc_review.insights import model_monitoring
from kyc_review.insights.dashboard_queries import ALARMED, MISSED, member_votes
from kyc_review.insights.forms import Called, Erred, Flagged, Twice
from kyc_review.review.live_decisions import counted_for, live_decisions
from kyc_review.review.models import Decision
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

HOUR = 1


def points_found(rows: QuerySet[Submission], wanted: dict[str, Any], viewer: User) -> QuerySet[Submission]:
    """Those of the rows that are behind a point of a plot of the viewer's; all rows without a point."""
    if wanted.get("decided"):
        rows = rows.filter(Exists(_decided(wanted, viewer).filter(submission=OuterRef("pk"))))
    if wanted.get("member"):
        votes = member_votes(viewer).filter(member=wanted["member"])
        if wanted.get("erred"):
            votes = votes.filter(MISSED if wanted["erred"] == Erred.MISSED else ALARMED)
        rows = rows.filter(Exists(votes.filter(scoring__submission=OuterRef("pk"))))
    if wanted.get("scored") or wanted.get("bundle"):
        rows = rows.filter(Exists(_scored(wanted, viewer).filter(submission=OuterRef("pk"))))
    return rows


def _decided(wanted: dict[str, Any], viewer: User) -> Any:
    since = wanted["decided"]
    until = hours_after(since, wanted.get("hours") or HOUR)
    if wanted.get("called"):
        return model_monitoring.first_calls(viewer, since, until).filter(
            model_monitoring.CALLS[wanted["called"]]
        )
    if wanted.get("twice"):
        pairs = model_monitoring.pairs(viewer, since, until)
        return pairs.exclude(label=F("others_label")) if wanted["twice"] == Twice.APART else pairs
    rows = live_decisions(viewer=viewer, since=since, until=until)
    return rows.filter(label=wanted["label"]) if wanted.get("label") else rows


def _scored(wanted: dict[str, Any], viewer: User) -> QuerySet[Scoring]:
    rows = Scoring.objects.filter(counted_for(viewer))
    if wanted.get("scored"):
        until = hours_after(wanted["scored"], wanted.get("hours") or HOUR)
        rows = rows.filter(scored_at__gte=wanted["scored"], scored_at__lt=until)
    if wanted.get("bundle"):
        rows = rows.filter(bundle_digest=wanted["bundle"])
    if wanted.get("shift") is not None:
        rows = rows.filter(shift=wanted["shift"])
    if wanted.get("verdict") == Flagged.ANY:
        rows = rows.exclude(verdict=Verdict.CLEAR)
    elif wanted.get("verdict"):
        rows = rows.filter(verdict=wanted["verdict"])
    return rows


def in_words(wanted: dict[str, Any]) -> str:
    """The filter of a plot's link in words; empty without one."""
    words, hours = [], wanted.get("hours") or HOUR
    if wanted["decided"]:
        span = _span(hours)
        words.append(gettext("decided within %(span)s from %(at)s") % (span | _at(wanted["decided"])))
    if wanted["scored"]:
        span = _span(hours)
        words.append(gettext("scored within %(span)s from %(at)s") % (span | _at(wanted["scored"])))
    if wanted["member"]:
        erred = Erred(wanted["erred"]).label if wanted["erred"] else gettext("judged, with human decisions")
        words.append(f"{wanted['member']} {erred}")
    if wanted["label"]:
        label = Decision.Label(wanted["label"]).label.lower()
        words.append(gettext("found %(label)s") % {"label": label})
    for name, choices in (("called", Called), ("twice", Twice), ("verdict", Flagged)):
        if wanted[name]:
            words.append(str(choices(wanted[name]).label))
    if wanted["bundle"]:
        words.append(gettext("by the bundle %(digest)s") % {"digest": wanted["bundle"][:12]})
    if wanted["shift"]:
        words.append(gettext("with thresholds shifted by %(shift)s") % {"shift": f"{wanted['shift']:+g}"})
    return "; ".join(words)


def _span(hours: int) -> dict[str, str]:
    """How long the span is, in words, for a sentence with a place for it."""
    if hours == HOUR:
        words = gettext("the hour")
    elif hours % 24 == 0:
        words = ngettext("%(number)s day", "%(number)s days", hours // 24) % {"number": hours // 24}
    else:
        words = ngettext("%(number)s hour", "%(number)s hours", hours) % {"number": hours}
    return {"span": words}


def _at(moment: datetime) -> dict[str, str]:
    return {"at": moment_in_words(moment)}
