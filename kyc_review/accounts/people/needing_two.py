"""Which acts on accounts need two admins, and which requests for them stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from kyc_review.accounts.models import AdminRequest, User
from kyc_review.audit.models import Event
from kyc_review.core.permissions import ROLES_NEEDING_TWO, ROLES_WITH, Right, Role

if TYPE_CHECKING:
    from django.db.models import QuerySet

# Acts of an admin after which the admin could sign in to the account.
KEYED = ("staff.created", "staff.password_reissued", "staff.second_factor_reset")


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

    Also of an account that is not active, of one that lost the role within APPROVER_INDEPENDENCE_DAYS, and of one for
    which it was asked: one admin could otherwise take the role away first, or re-key the account before it is approved.
    """
    if not settings.ADMIN_ACCESS_NEEDS_TWO:
        return ""
    asked = requests_standing().filter(person=person, act=AdminRequest.Act.ROLE)
    held = set(person.groups.values_list("name", flat=True)) | _lost_roles(person)
    held |= set(asked.values_list("role", flat=True))
    guarded = [role.value for role in Role if role in ROLES_NEEDING_TWO and role in held]
    # The request names one: an admin's before the others.
    return Role.ADMIN.value if Role.ADMIN in guarded else "".join(guarded[:1])


def requests_standing() -> QuerySet[AdminRequest]:
    """The open ones that may be approved: not older than APPROVER_INDEPENDENCE_DAYS, and who asked is still an admin.

    The bank's directory asks in the name of the person.
    """
    admins = User.objects.filter(
        is_active=True, groups__name__in=[role.value for role in ROLES_WITH[Right.MANAGE_PEOPLE]]
    )
    asked_rightly = Q(proposed_by=F("person")) | Q(proposed_by__in=admins)
    rows = AdminRequest.objects.filter(asked_rightly, state=AdminRequest.State.OPEN)
    return rows.filter(proposed_at__gt=_since()) if settings.APPROVER_INDEPENDENCE_DAYS else rows


def may_be_keyed_by_proposer(request: AdminRequest) -> bool:
    """Whether the proposer, or another admin, knows the person's password, or could have set it to what they know.

    Not without a local password.
    """
    person = request.person
    if not settings.LOCAL_PASSWORDS or not person.has_usable_password():
        return False
    acts = Event.objects.filter(
        target_kind="user",
        target_id=str(person.pk),
        action__in=KEYED,
        actor_kind="user",
        actor_id=str(request.proposed_by_id),
        at__gt=_since(request.proposed_at),
    )
    return person.must_change_password or acts.exists()


def _since(until: datetime | None = None) -> datetime:
    return (until or timezone.now()) - timedelta(days=settings.APPROVER_INDEPENDENCE_DAYS)


def _lost_roles(person: User) -> set[str]:
    rows = Event.objects.filter(
        target_kind="user", target_id=str(person.pk), action="staff.role_changed", at__gt=_since()
    )
    return {str(name) for before in rows.values_list("detail__before", flat=True) for name in before or ()}
