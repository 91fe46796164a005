"""Switching planting on and off: on, or other values, by two admins; off by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kyc_review.accounts.four_eyes import refuse_token, why_not_approver, why_not_rejected
from kyc_review.audit import services as audit
from kyc_review.core.db.locks import lock_for_transaction
from kyc_review.core.errors import DomainError, text_within
from kyc_review.core.permissions import Right, require
from kyc_review.notices.models import Kind
from kyc_review.notices.outbox import notice_record
from kyc_review.planting.models import PlantingProposal, PlantingSettings, PlantingValues
from kyc_review.training.models import Proposal
from kyc_review.training.waiting import Proposals, Waiting

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.accounts.models import User

REASON_MIN, REASON_MAX = 10, 300  # characters; the upper one is that of the column
PLANTING_LOCK = 7_305_119  # an arbitrary number, used for nothing else


class PlantingRefused(DomainError):
    """The settings of planting cannot be changed so; the text says why and what to do."""


def _waiting_line(row: PlantingProposal) -> Waiting:
    text = _("%(person)s proposes other settings of planted forgeries.") % {"person": row.proposed_by}
    return Waiting(text, reverse("planting:settings"), row.proposed_at)


def _proposals_of_others(viewer: User) -> QuerySet[PlantingProposal]:
    rows = PlantingProposal.objects.filter(state=Proposal.State.OPEN).exclude(proposed_by=viewer)
    return rows.select_related("proposed_by")


proposals_waiting = Proposals(rows=_proposals_of_others, line=_waiting_line)


def planting_now() -> PlantingSettings | None:
    """What counts now; None where planting was never switched on."""
    return PlantingSettings.objects.select_related("changed_by", "approved_by").first()


def values_of(row: PlantingValues) -> dict[str, Any]:
    """The values of a row by their names."""
    return {name: getattr(row, name) for name in PlantingValues.NAMES}


@transaction.atomic
def planting_propose(*, values: dict[str, Any], reason: str, actor: User) -> PlantingProposal:
    """Ask for these values; nothing changes before another admin approves.

    values: one for each of PlantingValues.NAMES. Raises PermissionDenied, PlantingRefused.
    """
    require(actor, Right.PLANT)
    lock_for_transaction(PLANTING_LOCK)
    row = PlantingProposal(**values, reason=_reason(reason), proposed_by=actor)
    try:
        row.clean_fields(exclude=["decided_by"])
    except ValidationError as error:
        raise PlantingRefused(" ".join(error.messages)) from error
    current = planting_now()
    if current is not None and values_of(current) == values:
        raise PlantingRefused(_("Nothing differs from the settings that count already."))
    if PlantingProposal.objects.filter(state=Proposal.State.OPEN).exists():
        raise PlantingRefused(
            _("Another proposal waits for a decision; approve, reject or withdraw it first.")
        )
    row.save()
    _recorded("planting.proposed", actor, row, row.reason)
    _notify(Kind.PROPOSAL, f"{actor} proposes to change planted forgeries", row, actor)
    return row


@transaction.atomic
def planting_approve(*, proposal: PlantingProposal, actor: User, remark: str = "") -> PlantingSettings:
    """The proposed values count from now on. Raises PermissionDenied, ApprovalByToken, PlantingRefused."""
    require(actor, Right.PLANT)
    refuse_token(actor)
    lock_for_transaction(PLANTING_LOCK)
    row = _open(proposal)
    if refusal := why_not_approver(proposer=row.proposed_by, approver=actor):
        raise PlantingRefused(refusal)
    _close(row, Proposal.State.APPROVED, actor, remark)
    made = PlantingSettings.objects.create(
        **values_of(row), reason=row.reason, changed_by=row.proposed_by, approved_by=actor
    )
    told: dict[str, Any] = {"proposed_by": str(row.proposed_by), "remark": row.remark}
    told |= {"proposed_by_id": row.proposed_by_id, "proposal": row.pk}
    _recorded("planting.changed", actor, made, row.reason, **told)
    _notify(Kind.CHANGED, "The settings of planted forgeries changed", row, actor)
    return made


@transaction.atomic
def planting_reject(*, proposal: PlantingProposal, actor: User, remark: str = "") -> PlantingProposal:
    """Reject it for the reason in the remark, or withdraw it if the actor proposed it.

    Raises PermissionDenied, PlantingRefused.
    """
    require(actor, Right.PLANT)
    row = _open(proposal)
    own = row.proposed_by_id == actor.pk
    if refusal := why_not_rejected(proposer_id=row.proposed_by_id, decider=actor, remark=remark):
        raise PlantingRefused(refusal)
    _close(row, Proposal.State.WITHDRAWN if own else Proposal.State.REJECTED, actor, remark)
    audit.record(action=f"planting.{row.state}", actor=actor, target=row, detail={"remark": row.remark})
    return row


@transaction.atomic
def planting_switch_off(*, reason: str, actor: User) -> PlantingSettings:
    """Plant nothing from now on; what waits for people stays. Raises PermissionDenied, PlantingRefused."""
    require(actor, Right.PLANT)
    lock_for_transaction(PLANTING_LOCK)
    current = planting_now()
    if current is None or not current.is_on:
        raise PlantingRefused(_("Nothing is planted now: there is nothing to switch off."))
    made = PlantingSettings.objects.create(
        **values_of(current) | {"is_on": False}, reason=_reason(reason), changed_by=actor
    )
    _recorded("planting.switched_off", actor, made, made.reason)
    return made


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise PlantingRefused(
            _("State why in %(least)s to %(most)s characters; the history and the audit log keep it.")
            % {"least": REASON_MIN, "most": REASON_MAX}
        )
    return reason


def _open(proposal: PlantingProposal) -> PlantingProposal:
    row = PlantingProposal.objects.select_for_update(of=("self",)).get(pk=proposal.pk)
    if row.state != Proposal.State.OPEN:
        raise PlantingRefused(_("This proposal is already closed."))
    return row


def _close(row: PlantingProposal, state: Proposal.State, actor: User, remark: str) -> None:
    row.state, row.decided_by, row.decided_at = state, actor, timezone.now()
    row.remark = text_within(remark, REASON_MAX, _("The remark"), PlantingRefused)
    row.save(update_fields=["state", "decided_by", "decided_at", "remark"])


def _recorded(
    action: str, actor: User, row: PlantingSettings | PlantingProposal, reason: str, **more: Any
) -> None:
    audit.record(action=action, actor=actor, target=row, detail=values_of(row) | {"reason": reason} | more)


def _notify(kind: Kind, title: str, row: PlantingProposal, actor: User) -> None:
    notice_record(
        kind=kind, title=title, text=row.reason, path=reverse("planting:settings"), except_for=actor
    )
