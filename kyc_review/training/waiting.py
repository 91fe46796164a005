"""What waits for an admin: proposals of others, failed work, overturned clears, reviews that are due, alarms; and what
signals suggest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import BigIntegerField, Q, Subquery, Value
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from kyc_review.accounts.integrations.selectors import rights_waiting
from kyc_review.accounts.models import AdminRequest
from kyc_review.accounts.people.admin_requests import LOSING, admin_requests_open
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.permissions import Right, may_promote, require
from kyc_review.core.stored_texts import shown
from kyc_review.registry.models import ModelRecord, Promotion
from kyc_review.training.models import Alarm, Comparison, GateProposal, Job, Proposal, TrainingRun
from kyc_review.training.signals import Signal, retraining_signals

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.accounts.models import User

RECENT = timedelta(days=7)
OVERTURNED = "submission.overturned"
SEEN = "overturned.seen"
J = TypeVar("J", TrainingRun, Comparison)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing to look at; `since` is None for what is true at present. seen_until: what `overturned_seen` takes to
    end it for the viewer; None where something must be done instead."""

    text: str
    url: str
    since: datetime | None = None
    seen_until: int | None = None


@dataclass(frozen=True, slots=True)
class Proposals:
    """Proposals of one kind that wait for another admin: the rows for a viewer, and a row in words."""

    rows: Callable[[User], QuerySet[Any]]
    line: Callable[[Any], Waiting]


_of_layers_above: list[Proposals] = []


def proposals_register(kind: Proposals) -> None:
    """For a package above this one, when its application starts."""
    _of_layers_above.append(kind)


def waiting_for(*, viewer: User, signals: list[Signal] | None = None) -> list[Waiting]:
    """Proposals first, then what failed or was overturned in the last week, reviews and alarms; at the end what signals
    suggest, which the number in the navigation leaves out because it takes long to compute. Admins only. signals: where
    they are computed already."""
    if not may_promote(viewer):
        return []
    signals = retraining_signals(viewer=viewer) if signals is None else signals
    alarms = list(_alarms())
    told = {alarm.signal for alarm in alarms}
    return [
        *(
            Waiting(
                gettext("%(person)s proposes %(version)s for production.")
                % {"person": row.proposed_by, "version": row.comparison.candidate.version},
                reverse("retraining:overview") + "#proposals",
                row.proposed_at,
            )
            for row in _proposals(viewer).select_related("proposed_by", "comparison__candidate")
        ),
        *(
            Waiting(
                gettext("%(person)s proposes other settings of the gate.") % {"person": row.proposed_by},
                reverse("retraining:gate"),
                row.proposed_at,
            )
            for row in _gate_proposals(viewer).select_related("proposed_by")
        ),
        *(
            Waiting(
                gettext("%(by)s asks that %(person)s may %(what)s (%(role)s).")
                % {
                    "by": row.proposed_by,
                    "person": row.person,
                    "what": row.get_act_display(),
                    "role": row.get_role_display(),
                },
                reverse("people:overview"),
                row.proposed_at,
            )
            for row in _admin_requests(viewer)
        ),
        *(
            Waiting(
                gettext("%(person)s asks that the key %(key)s may: %(rights)s.")
                % {"person": row.created_by, "key": row.prefix, "rights": row.rights_for_two},
                reverse("integrations:integration", args=[row.integration.slug]),
                row.created_at,
            )
            for row in rights_waiting(viewer=viewer)
        ),
        *(kind.line(row) for kind in _of_layers_above for row in kind.rows(viewer)),
        *(
            Waiting(
                gettext("Run %(number)s failed: %(error)s") % {"number": row.pk, "error": shown(row.error)},
                reverse("retraining:run", args=[row.pk]),
                row.ended_at,
            )
            for row in _failed(TrainingRun)
        ),
        *(
            Waiting(
                gettext("The comparison of %(version)s failed: %(error)s")
                % {"version": row.candidate.version, "error": shown(row.error)},
                reverse("retraining:comparison", args=[row.pk]),
                row.ended_at,
            )
            for row in _failed(Comparison).select_related("candidate")
        ),
        *_overturned(viewer),
        *_reviews_due(),
        *(
            Waiting(f"{shown(alarm.signal)}: {shown(alarm.detail)}", _signals_url(), alarm.began_at)
            for alarm in alarms
        ),
        *(
            Waiting(f"{shown(signal.name)}: {shown(signal.detail)}", _signals_url())
            for signal in signals
            if signal.calls and signal.name not in told
        ),
    ]


def waiting_count(*, viewer: User) -> int:
    """For the navigation, on every page: as many as `waiting_for` lists without suggestions, in one query."""
    if not may_promote(viewer):
        return 0
    kinds: list[QuerySet[Any]] = [
        _proposals(viewer),
        _gate_proposals(viewer),
        _admin_requests(viewer),
        rights_waiting(viewer=viewer),
        *(kind.rows(viewer) for kind in _of_layers_above),
        _failed(TrainingRun),
        _failed(Comparison),
        _due_records(),
        _alarms(),
    ]
    keys = [rows.order_by().values_list("pk") for rows in kinds]
    keys.append(_overturned_events(viewer).order_by().values_list("pk")[:1])  # listed as one line
    return keys[0].union(*keys[1:], all=True).count()


def _alarms() -> QuerySet[Alarm]:
    return Alarm.objects.filter(ended_at=None).order_by("pk")


def _signals_url() -> str:
    return reverse("retraining:overview") + "#signals-title"


def _proposals(viewer: User) -> QuerySet[Proposal]:
    return Proposal.objects.filter(state=Proposal.State.OPEN).exclude(proposed_by=viewer)


def _gate_proposals(viewer: User) -> QuerySet[GateProposal]:
    return GateProposal.objects.filter(state=Proposal.State.OPEN).exclude(proposed_by=viewer)


def _admin_requests(viewer: User) -> QuerySet[AdminRequest]:
    """Those that the viewer may decide: neither their own, nor to their own advantage."""
    rows = admin_requests_open(viewer=viewer).exclude(proposed_by=viewer)
    return rows.exclude(~Q(act__in=LOSING), person=viewer)


def _failed(kind: type[J]) -> QuerySet[J]:
    """Jobs that failed in the last week, unless a later one succeeded; the latest first."""
    done = kind._default_manager.filter(state=Job.State.SUCCEEDED).order_by("-pk").values("pk")[:1]
    rows = kind._default_manager.filter(state=Job.State.FAILED, ended_at__gt=timezone.now() - RECENT)
    return rows.filter(pk__gt=Coalesce(Subquery(done), Value(0))).order_by("-pk")


def _due_records() -> QuerySet[ModelRecord]:
    """The record of the model in production, if the day of its next review has come."""
    serving = Promotion.objects.order_by("-pk").values("bundle")[:1]
    rows = ModelRecord.objects.filter(next_review_on__lte=timezone.localdate(), bundle=Subquery(serving))
    return rows.select_related("bundle")


def _reviews_due() -> list[Waiting]:
    return [
        Waiting(
            gettext("The review of %(version)s was due on %(day)s.")
            % {"version": row.bundle.version, "day": date_format(row.next_review_on, "SHORT_DATE_FORMAT")},
            reverse("registry:model", args=[row.bundle.digest]),
        )
        for row in _due_records()
        if row.next_review_on  # as the query asked
    ]


def overturned_seen(*, actor: User, until: int) -> None:
    """The actor has seen the overturned clears up to the audit event with this id; later ones wait for her again."""
    require(actor, Right.PROMOTE)
    audit.record(action=SEEN, actor=actor, target=actor, detail={"until": until})


def _overturned_events(viewer: User) -> QuerySet[Event]:
    """Of the last week, without those that the viewer has acknowledged."""
    seen = Event.objects.filter(
        action=SEEN, actor_kind="user", actor_id=str(viewer.pk), at__gt=timezone.now() - RECENT
    )
    until = (
        seen.annotate(until=Cast("detail__until", BigIntegerField())).order_by("-until").values("until")[:1]
    )
    rows = Event.objects.filter(action=OVERTURNED, at__gt=timezone.now() - RECENT)
    return rows.filter(pk__gt=Coalesce(Subquery(until), Value(0)))


def _overturned(viewer: User) -> list[Waiting]:
    """Clears that an audit found to be fakes, as one line, until the viewer has acknowledged them."""
    events = _overturned_events(viewer)
    count = events.count()
    if not count:
        return []
    return [
        Waiting(
            ngettext(
                "1 cleared selfie was found to be fake in the last week, and the outcome overturned.",
                "%(number)s cleared selfies were found to be fake in the last week, and the outcome overturned.",
                count,
            )
            % {"number": count},
            reverse("insights:audit") + f"?action={OVERTURNED}",
            events.latest("at").at,
            seen_until=events.latest("pk").pk,
        )
    ]
