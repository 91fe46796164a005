"""What lets somebody act as an admin, a senior or an auditor needs two admins: one asks for it, another one approves.

Otherwise one admin makes a second account, and both "admins" of a promotion are one person; or logs in as an auditor,
and sees every face. An admin loses the role or the account by two as well, so that no admin is left alone. The
operator's `manage.py staff` needs no second person: with it the first admins are made, and it is the way out where only
one admin can be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from kyc_review.accounts.four_eyes import why_not_approver
from kyc_review.accounts.models import AdminRequest
from kyc_review.accounts.people.services import (
    PeopleRefused,
    password_reissue,
    person_activate,
    person_deactivate,
    role_change,
)
from kyc_review.accounts.second_factor.services import second_factor_reset
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.permissions import ROLES_NEEDING_TWO, Right, Role, may_manage_people, require

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.accounts.models import User

# What is told of a new request, by packages above this one: (the request, who asks).
told: list[Callable[[AdminRequest, User], object]] = []

Act, State = AdminRequest.Act, AdminRequest.State
# Approvers are admins: of their own account these take the role away, and the person may agree to that.
LOSING = (Act.ROLE, Act.DEACTIVATION)


def role_needs_two(role: str) -> bool:
    """Whether giving this role to a person needs a second admin."""
    return bool(settings.ADMIN_ACCESS_NEEDS_TWO) and role in ROLES_NEEDING_TWO


def role_change_needs_two(person: User, role: str) -> bool:
    """As above, or because it takes the role of an admin away."""
    return role_needs_two(role) or loss_needs_two(person)


def loss_needs_two(person: User) -> bool:
    """Whether a second admin is needed to deactivate this person or to take the role away: an active admin's."""
    return bool(settings.ADMIN_ACCESS_NEEDS_TWO) and person.has_role(Role.ADMIN)


def role_behind(person: User) -> str:
    """The role for which acts on this person's account need a second admin; empty if they do not.

    Also of an account that is not active, and of one that lost the role within APPROVER_INDEPENDENCE_DAYS: one admin
    could otherwise take the role away first, and then the account.
    """
    if not settings.ADMIN_ACCESS_NEEDS_TWO:
        return ""
    held = set(person.groups.values_list("name", flat=True)) | _lost_roles(person)
    guarded = [role.value for role in Role if role in ROLES_NEEDING_TWO and role in held]
    # The request names one: an admin's before the others.
    return Role.ADMIN.value if Role.ADMIN in guarded else "".join(guarded[:1])


def admin_requests_open(*, viewer: User) -> QuerySet[AdminRequest]:
    """Those that wait for a decision, the oldest first."""
    rows = (
        AdminRequest.objects.filter(state=State.OPEN).select_related("person", "proposed_by").order_by("pk")
    )
    return rows if may_manage_people(viewer) else rows.none()


@transaction.atomic
def admin_request_open(*, person: User, act: AdminRequest.Act, role: str, actor: User) -> AdminRequest:
    """`role`: as `AdminRequest.role` says. Raises PermissionDenied, PeopleRefused, ValueError."""
    require(actor, Right.MANAGE_PEOPLE)
    if person.pk == actor.pk:
        raise PeopleRefused(gettext("Another admin must ask for this for your account."))
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
    """The bank's directory asks, by the groups of a login, that the person may be an admin; an admin approves it."""
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
    return why_not_approver(proposer=request.proposed_by, approver=approver)


def may_reject(*, request: AdminRequest, actor: User) -> bool:
    """Not the admin who would lose the role or the account by it: they could reject it each time."""
    against_actor = request.person_id == actor.pk and request.act in LOSING
    return request.proposed_by_id == actor.pk or not against_actor


@transaction.atomic
def admin_request_approve(*, request: AdminRequest, actor: User) -> str | None:
    """Carries it out; a new password, which is shown once, where the request was for one.

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


def _lost_roles(person: User) -> set[str]:
    rows = Event.objects.filter(
        target_kind="user",
        target_id=str(person.pk),
        action="staff.role_changed",
        at__gt=timezone.now() - timedelta(days=settings.APPROVER_INDEPENDENCE_DAYS),
    )
    return {str(name) for before in rows.values_list("detail__before", flat=True) for name in before or ()}


def _locked(request: AdminRequest) -> AdminRequest:
    row = AdminRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if row.state != State.OPEN:
        raise PeopleRefused(gettext("This request was decided already."))
    return row


def _close(row: AdminRequest, state: AdminRequest.State, actor: User) -> None:
    row.state, row.decided_by, row.decided_at = state, actor, timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
