"""What lets somebody act as an admin, a senior or an auditor needs two admins: one asks for it, another one approves.

Otherwise one admin makes a second account, and both "admins" of a promotion are one person; or logs in as an auditor,
and sees every face. An admin loses the role or the account by two as well, so that no admin is left alone. The
operator's `manage.py staff` needs no second person: with it the first admins are made, and it is the way out where only
one admin can be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.models import AdminRequest
from kyc_review.accounts.people.needing_two import (
    may_be_keyed_by_proposer,
    requests_standing,
    role_needs_two,
)
from kyc_review.accounts.people.services import (
    PeopleRefused,
    password_reissue,
    person_activate,
    person_deactivate,
    role_change,
)
from kyc_review.accounts.second_factor.services import second_factor_reset
from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, Role, may_manage_people, require

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.accounts.models import User

# What is told of a new request, by packages above this one: (the request, who asks).
told: list[Callable[[AdminRequest, User], object]] = []

Act, State = AdminRequest.Act, AdminRequest.State
# Approvers are admins: of their own account these take the role away, and the person may agree to that.
LOSING = (Act.ROLE, Act.DEACTIVATION)


def admin_requests_open(*, viewer: User) -> QuerySet[AdminRequest]:
    """Those that wait for a decision, the oldest first."""
    rows = requests_standing().select_related("person", "proposed_by").order_by("pk")
    return rows if may_manage_people(viewer) else rows.none()


@transaction.atomic
def admin_request_open(*, person: User, act: AdminRequest.Act, role: str, actor: User) -> AdminRequest:
    """`role`: as `AdminRequest.role` says. Raises PermissionDenied, PeopleRefused, ValueError."""
    require(actor, Right.MANAGE_PEOPLE)
    if person.pk == actor.pk:
        raise PeopleRefused(gettext("Another admin must ask for this for your account."))
    _lapsed_close(person, act)
    row, is_new = AdminRequest.objects.get_or_create(
        person=person, act=act, state=State.OPEN, defaults={"proposed_by": actor, "role": Role(role)}
    )
    if not is_new:
        raise PeopleRefused(gettext("This was asked for already, and waits for another admin."))
    audit.record(
        action="staff.admin_requested",
        actor=actor,
        target=person,
        detail={"act": act.value, "role": row.role, "request": row.pk},
    )
    for tell in told:
        tell(row, actor)
    return row


@transaction.atomic
def directory_request_open(*, person: User) -> None:
    """The bank's directory asks, by the groups of a login, that the person may be an admin; an admin approves it.

    It takes the place of a request for another role: roles follow the directory.
    """
    _lapsed_close(person, Act.ROLE)
    others = AdminRequest.objects.select_for_update(of=("self",)).filter(
        person=person, act=Act.ROLE, state=State.OPEN
    )
    for other in others.exclude(role=Role.ADMIN):
        _withdraw(other, "single_sign_on")
    row, is_new = AdminRequest.objects.get_or_create(
        person=person,
        act=Act.ROLE,
        state=State.OPEN,
        defaults={"proposed_by": person, "role": Role.ADMIN},
    )
    if is_new:
        detail = {"act": Act.ROLE.value, "role": row.role, "by": "single_sign_on", "request": row.pk}
        audit.record(action="staff.admin_requested", target=person, detail=detail)


@transaction.atomic
def directory_request_withdraw(*, person: User) -> None:
    """The directory does not ask for it any more."""
    row = (
        AdminRequest.objects.select_for_update()
        .filter(person=person, proposed_by=person, act=Act.ROLE, state=State.OPEN)
        .first()
    )
    if row is not None:
        _close(row, State.WITHDRAWN, person)
        detail = {"act": row.act, "role": row.role, "asked_by": "single_sign_on", "request": row.pk}
        audit.record(action="staff.admin_request_withdrawn", target=person, detail=detail)


def why_not_request_approver(*, request: AdminRequest, approver: User) -> str:
    """Why this admin may not approve it, and what to do; empty if nothing speaks against it."""
    is_own = request.person_id == approver.pk and request.proposed_by_id != approver.pk
    if is_own and request.act not in LOSING:
        return gettext("This is about your own account. Another admin must approve it.")
    if not requests_standing().filter(pk=request.pk).exists():
        return gettext(
            "Too old, or asked for by somebody who is no admin any more. If it is still wanted, ask for it again."
        )
    return why_not_approver(proposer=request.proposed_by, approver=approver)


def may_reject(*, request: AdminRequest, actor: User) -> bool:
    """Not the admin who would lose the role or the account by it: they could reject it each time."""
    against_actor = request.person_id == actor.pk and request.act in LOSING
    return request.proposed_by_id == actor.pk or not against_actor


@transaction.atomic
def admin_request_approve(*, request: AdminRequest, actor: User) -> str | None:
    """Carries it out; a new password, which is shown once, where the request was for one, or where the proposer of a
    role that needs two could know the present one: only the approver sees the new one, and hands it over.

    The caller has confirmed the code of the approver's second factor. Raises PermissionDenied, PeopleRefused.
    """
    require(actor, Right.MANAGE_PEOPLE)
    row = _locked(request)
    if refusal := why_not_request_approver(request=row, approver=actor):
        raise PeopleRefused(refusal)
    _close(row, State.APPROVED, actor)
    audit.record(
        action="staff.admin_request_approved", actor=actor, target=row.person, detail=_closed_detail(row)
    )
    # No one takes the own role away: where the person agrees, it is the act of the one who asked.
    by = row.proposed_by if row.person_id == actor.pk else actor
    match row.act:
        case Act.ROLE:
            role_change(person=row.person, role=row.role, actor=by)
            if row.person_id != actor.pk and role_needs_two(row.role) and may_be_keyed_by_proposer(row):
                return password_reissue(person=row.person, actor=actor)
        case Act.DEACTIVATION:
            person_deactivate(person=row.person, actor=by)
        case Act.ACTIVATION:
            person_activate(person=row.person, actor=actor)
        case Act.PASSWORD:
            return password_reissue(person=row.person, actor=actor)
        case Act.SECOND_FACTOR:
            second_factor_reset(user=row.person, actor=actor)
    return None


@transaction.atomic
def admin_request_reject(*, request: AdminRequest, actor: User) -> AdminRequest:
    """Rejects it, or withdraws what the actor asked for. Raises PermissionDenied, PeopleRefused."""
    require(actor, Right.MANAGE_PEOPLE)
    row = _locked(request)
    if not may_reject(request=row, actor=actor):
        raise PeopleRefused(gettext("This is about your own account. Another admin must reject it."))
    _close(row, State.WITHDRAWN if row.proposed_by_id == actor.pk else State.REJECTED, actor)
    audit.record(
        action=f"staff.admin_request_{row.state}",
        actor=actor,
        target=row.person,
        detail=_closed_detail(row),
    )
    return row


def _closed_detail(row: AdminRequest) -> dict[str, object]:
    return {"act": row.act, "role": row.role, "asked_by": str(row.proposed_by), "request": row.pk}


def _lapsed_close(person: User, act: AdminRequest.Act) -> None:
    """So that it can be asked for again."""
    rows = AdminRequest.objects.select_for_update(of=("self",)).filter(
        person=person, act=act, state=State.OPEN
    )
    for row in rows.exclude(pk__in=requests_standing().values("pk")):
        _withdraw(row, "lapsed")


def _withdraw(row: AdminRequest, by: str) -> None:
    """Without a person who decides it."""
    _close(row, State.WITHDRAWN, None)
    detail = _closed_detail(row) | {"by": by}
    audit.record(action="staff.admin_request_withdrawn", target=row.person, detail=detail)


def _locked(request: AdminRequest) -> AdminRequest:
    row = AdminRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if row.state != State.OPEN:
        raise PeopleRefused(gettext("This request was decided already."))
    return row


def _close(row: AdminRequest, state: AdminRequest.State, actor: User | None) -> None:
    row.state, row.decided_by, row.decided_at = state, actor, timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
