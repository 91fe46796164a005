"""Changing what the gate asks for, in two steps by two people: one admin proposes other limits, another one decides."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext, gettext_noop

from kyc_review.accounts.four_eyes import refuse_token, why_not_approver, why_not_rejected
from kyc_review.audit import services as audit
from kyc_review.core.days import moment_in_words
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.permissions import Right, may_see_retraining, require
from kyc_review.core.stored_texts import stored
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.training.gate_limits import Limits, differences, label_of, limits_locked
from kyc_review.training.models import GateProposal, GateSettings, Proposal

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

REASON_MIN, REASON_MAX = 10, 300  # characters; the upper one is that of the column
# Notices keep these.
PROPOSES = stored(gettext_noop("%(person)s proposes other settings of the gate"))
ANOTHER_DECIDES = stored(gettext_noop("Another admin decides."))
CHANGED = stored(gettext_noop("The gate's settings changed: %(proposer)s proposed, %(approver)s approved"))
CHANGE = stored(gettext_noop("%(limit)s changes from %(before)s to %(after)s."))
NO_LIMIT = stored(gettext_noop("no limit"))


class GateSettingsRefused(DomainError):
    """The gate's settings cannot be changed so; the text says why and what to do."""

    code = "gate_settings_refused"


class GateSettingsStale(GateSettingsRefused):
    """The settings were changed after they were shown; the text names who and when."""


@transaction.atomic
def gate_change_propose(
    *, limits: Limits, reason: str, actor: User, version: int | None = None
) -> GateProposal:
    """Ask for other limits; nothing changes before another admin approves.

    `version` is the `gate_settings_version` that the actor saw; None does not compare it.
    Raises PermissionDenied, GateSettingsRefused, GateSettingsStale for settings that are no longer in force.
    """
    require(actor, Right.PROMOTE)
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise GateSettingsRefused(
            gettext("State why in %(least)s to %(most)s characters; the history and the audit log keep it.")
            % {"least": REASON_MIN, "most": REASON_MAX}
        )
    before = limits_locked()  # one change after the other: each tells what was before
    _refuse_stale(version)
    _refuse_senseless(limits, before)
    waiting = GateProposal.objects.filter(state=Proposal.State.OPEN).select_related("proposed_by").first()
    if waiting is not None:
        raise GateSettingsRefused(
            gettext(
                "What %(person)s proposed at %(at)s waits for a decision; approve, reject or withdraw it first."
            )
            % {"person": waiting.proposed_by, "at": moment_in_words(waiting.proposed_at)}
        )
    row = GateProposal.objects.create(
        limits=asdict(limits), before=asdict(before), reason=reason, proposed_by=actor
    )
    audit.record(
        action="gate.settings_proposed",
        actor=actor,
        target=row,
        detail={"before": row.before, "after": row.limits, "reason": reason},
    )
    title = PROPOSES % {"person": actor}
    _notify(Kind.PROPOSAL, title, f"{_in_words(row)} {reason} {ANOTHER_DECIDES}", actor)
    return row


@transaction.atomic
def gate_change_approve(*, proposal: GateProposal, actor: User, remark: str = "") -> GateSettings:
    """The proposed limits count from now on. Proposals of candidates keep the result of the gate at their time.

    Raises PermissionDenied, ApprovalByToken, GateSettingsRefused, GateSettingsStale.
    """
    require(actor, Right.PROMOTE)
    refuse_token(actor)
    current = limits_locked()
    row = _locked(proposal)
    if refusal := why_not_approver(proposer=row.proposed_by, approver=actor):
        raise GateSettingsRefused(refusal)
    if asdict(current) != row.before:
        raise GateSettingsStale(
            gettext(
                "The settings in force are no longer those that this proposal replaces. Reject it, then propose again."
            )
        )
    _close(row, Proposal.State.APPROVED, actor, remark)
    made = GateSettings.objects.create(
        **row.limits, before=row.before, reason=row.reason, changed_by=row.proposed_by, approved_by=actor
    )
    audit.record(
        action="gate.settings_changed",
        actor=actor,
        target=made,
        detail={"before": row.before, "after": row.limits, "reason": row.reason}
        | {"proposal": row.pk, "proposed_by": str(row.proposed_by), "remark": row.remark}
        | {"proposed_by_id": row.proposed_by_id},
    )
    title = CHANGED % {"proposer": row.proposed_by, "approver": actor}
    _notify(Kind.CHANGED, title, f"{_in_words(row)} {row.reason}", actor)
    return made


@transaction.atomic
def gate_change_reject(*, proposal: GateProposal, actor: User, remark: str = "") -> GateProposal:
    """Reject the change, or withdraw it if the actor proposed it. Raises PermissionDenied, GateSettingsRefused."""
    require(actor, Right.PROMOTE)
    row = _locked(proposal)
    own = row.proposed_by_id == actor.pk
    if refusal := why_not_rejected(proposer_id=row.proposed_by_id, decider=actor, remark=remark):
        raise GateSettingsRefused(refusal)
    _close(row, Proposal.State.WITHDRAWN if own else Proposal.State.REJECTED, actor, remark)
    audit.record(action=f"gate.settings_{row.state}", actor=actor, target=row, detail={"remark": row.remark})
    return row


def gate_proposals_listed(*, viewer: User) -> list[GateProposal]:
    """All, the latest first."""
    rows = GateProposal.objects.select_related("proposed_by", "decided_by")
    return list(rows) if may_see_retraining(viewer) else []


def _refuse_senseless(limits: Limits, before: Limits) -> None:
    if not all(value is None or math.isfinite(value) for value in asdict(limits).values()):
        raise GateSettingsRefused(gettext("Every limit must be a finite number."))
    if limits == before:
        raise GateSettingsRefused(gettext("Nothing differs from the settings that count already."))
    try:
        GateSettings(**asdict(limits)).clean_fields(exclude=["reason", "changed_by", "approved_by"])
    except ValidationError as error:
        texts = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise GateSettingsRefused(" ".join(texts)) from error


def _refuse_stale(version: int | None) -> None:
    latest = GateSettings.objects.select_related("changed_by").first()
    if version is None or version == (latest.pk if latest else 0):
        return
    if latest is None:
        raise GateSettingsStale(
            gettext("These settings were never changed, so this version does not exist; read them again.")
        )
    raise GateSettingsStale(
        gettext(
            "%(person)s changed these settings at %(at)s meanwhile. Nothing was saved: compare with what is in force "
            "now, then save again."
        )
        % {"person": latest.changed_by, "at": moment_in_words(latest.changed_at)}
    )


def _locked(proposal: GateProposal) -> GateProposal:
    row = GateProposal.objects.select_for_update().get(pk=proposal.pk)
    if row.state != Proposal.State.OPEN:
        raise GateSettingsRefused(
            gettext("This proposal is already closed (%(state)s).")
            % {"state": row.get_state_display().lower()}
        )
    return row


def _close(row: GateProposal, state: Proposal.State, actor: User, remark: str) -> None:
    row.state, row.decided_by, row.decided_at = state, actor, timezone.now()
    row.remark = text_within(remark, REASON_MAX, gettext("The remark"), GateSettingsRefused)
    row.save(update_fields=["state", "decided_by", "decided_at", "remark"])


def _in_words(row: GateProposal) -> str:
    with translation.override(settings.LANGUAGE_CODE):  # notices keep it
        changes = [
            CHANGE % {"limit": label_of(name), "before": _value(before), "after": _value(after)}
            for name, before, after in differences(row.before, row.limits)
        ]
    return " ".join(changes)


def _value(limit: float | None) -> str:
    return NO_LIMIT if limit is None else f"{limit:g}"


def _notify(kind: Kind, title: str, text: str, actor: User) -> None:
    notice_record(kind=kind, title=title, text=text, path=reverse("retraining:gate"), except_for=actor)
