"""People and their roles: admins change them, auditors read. A password is shown once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kyc_review.accounts.models import AdminRequest, Identity, User
from kyc_review.accounts.people import services
from kyc_review.accounts.people.admin_requests import (
    Act,
    admin_request_approve,
    admin_request_open,
    admin_request_reject,
    admin_requests_open,
    may_reject,
    why_not_request_approver,
)
from kyc_review.accounts.people.forms import PersonForm, RoleForm
from kyc_review.accounts.people.needing_two import (
    loss_needs_two,
    role_behind,
    role_change_needs_two,
    role_needs_two,
)
from kyc_review.accounts.people.selectors import locks_of, people_listed, renamings_of
from kyc_review.accounts.people.services import PeopleRefused
from kyc_review.accounts.reauthentication import approval_unconfirmed
from kyc_review.accounts.second_factor.selectors import is_required, is_required_by_role
from kyc_review.accounts.second_factor.services import (
    FactorRefused,
    second_factor_require,
    second_factor_reset,
)
from kyc_review.accounts.services import staff_unlock
from kyc_review.accounts.shown_once import redirect_with_secret, secret_once
from kyc_review.accounts.staff_access import StaffRequest, parse_toggle, staff_only
from kyc_review.accounts.tokens.selectors import tokens_listed, tokens_valid
from kyc_review.accounts.tokens.services import token_revoke
from kyc_review.core.permissions import Right, Role, may_manage_people, require

NO_PASSWORDS = gettext_lazy(
    "Passwords are switched off here (LOCAL_PASSWORDS): people come in by single sign-on, with a group that gives a "
    "role."
)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    """GET lists all; POST adds a person, whose page shows the initial password once."""
    _require_reader(request)
    form = PersonForm(request.POST or None)
    if request.method == "POST":
        _require_admin(request)
        if not settings.LOCAL_PASSWORDS:
            raise PermissionDenied(NO_PASSWORDS)
        if form.is_valid():
            made, fresh = _person_make(request, form.cleaned_data)
            return redirect_with_secret(request, _path(made), fresh=fresh) if fresh else redirect(_path(made))
    context = {
        "people": people_listed(viewer=request.user),
        "may_manage": may_manage_people(request.user),
        "may_add": may_manage_people(request.user) and settings.LOCAL_PASSWORDS,
        "roles": Role.choices,
        "form": form,
        "admin_requests": present_requests(viewer=request.user),
        "asked_of": settings.REQUIRE_SECOND_FACTOR,
    }
    return render(request, "people/overview.html", context, status=422 if form.errors else 200)


@require_safe
@never_cache
@staff_only
def person(request: StaffRequest, person_id: int) -> HttpResponse:
    _require_reader(request)
    return _page(request, get_object_or_404(User, pk=person_id), **secret_once(request))


def _change(
    view: Callable[..., HttpResponse | str],
) -> Callable[..., HttpResponseBase]:
    """Admins post it to somebody's URL; it answers with a page, or with what to say on the person's page."""

    @require_POST
    @never_cache
    @staff_only
    @wraps(view)
    def changed(request: StaffRequest, person_id: int, **more: str) -> HttpResponse:
        _require_admin(request)
        found = get_object_or_404(User, pk=person_id)
        try:
            said = view(request, found, **more)
        except (PeopleRefused, FactorRefused) as refused:
            return _page(request, found, problem=refused.detail, status=422)
        if isinstance(said, HttpResponse):
            return said
        messages.success(request, said)
        return redirect("people:person", person_id=person_id)

    return changed


@_change
def role(request: StaffRequest, found: User) -> HttpResponse | str:
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise PeopleRefused(gettext("Choose a role."))
    if Identity.objects.filter(user=found).exists():
        raise PeopleRefused(
            gettext("The roles of this person follow the groups in the directory; change them there.")
        )
    wanted = form.cleaned_data["role"]
    if role_change_needs_two(found, wanted):
        return _ask(request, found, Act.ROLE, wanted)
    services.role_change(person=found, role=wanted, actor=request.user)
    return gettext("The role is changed, with the next request.")


@_change
def activation(request: StaffRequest, found: User) -> HttpResponse | str:
    if parse_toggle(request):
        if (behind := role_behind(found)) and not found.is_active:
            return _ask(request, found, Act.ACTIVATION, behind)
        services.person_activate(person=found, actor=request.user)
        return gettext("Active again.")
    if loss_needs_two(found):
        return _ask(request, found, Act.DEACTIVATION, Role.ADMIN)
    released = services.person_deactivate(person=found, actor=request.user)
    told = gettext("Deactivated; all sessions and tokens have ended.")
    if not released:
        return told
    went = ngettext(
        "%(number)s item went back to the queue.", "%(number)s items went back to the queue.", released
    )
    return f"{told} {went % {'number': released}}"


@_change
def password(request: StaffRequest, found: User) -> HttpResponse | str:
    if not settings.LOCAL_PASSWORDS:
        raise PeopleRefused(NO_PASSWORDS)
    if (behind := role_behind(found)) and found.pk != request.user.pk:
        return _ask(request, found, Act.PASSWORD, behind)
    fresh = services.password_reissue(person=found, actor=request.user)
    return redirect_with_secret(request, _path(found), fresh=fresh)


@_change
def unlock(request: StaffRequest, found: User) -> HttpResponse | str:
    was_locked = staff_unlock(user=found, actor=request.user)
    return gettext("Unlocked.") if was_locked else gettext("There was no lock.")


@_change
def reset_factor(request: StaffRequest, found: User) -> HttpResponse | str:
    if (behind := role_behind(found)) and found.pk != request.user.pk:
        return _ask(request, found, Act.SECOND_FACTOR, behind)
    if second_factor_reset(user=found, actor=request.user):
        return gettext(
            "The second factor was reset; the next login requires only the password. Personal tokens ended."
        )
    return gettext("There was no second factor.")


@_change
def require_factor(request: StaffRequest, found: User) -> HttpResponse | str:
    is_asked = parse_toggle(request)
    second_factor_require(user=found, is_asked=is_asked, actor=request.user)
    if is_asked:
        return gettext("A second factor is required.")
    return gettext("A second factor is no longer required.")


@_change
def revoke_token(request: StaffRequest, found: User, prefix: str) -> HttpResponse | str:
    token = get_object_or_404(tokens_listed(viewer=request.user, owner=found), prefix=prefix)
    if token_revoke(token=token, actor=request.user):
        return gettext("%(name)s has ended.") % {"name": prefix}
    return gettext("It had already ended.")


@require_POST
@staff_only
def request_approval(request: StaffRequest, number: int) -> HttpResponse:
    _require_admin(request)
    row = get_object_or_404(AdminRequest, pk=number)
    # In this order, so that a code is used up only where nothing else is in the way.
    if problem := why_not_request_approver(request=row, approver=request.user) or approval_unconfirmed(
        request
    ):
        messages.error(request, problem)
        return redirect("people:overview")
    try:
        fresh = admin_request_approve(request=row, actor=request.user)
    except (PeopleRefused, FactorRefused) as refused:
        messages.error(request, refused.detail)
        return redirect("people:overview")
    messages.success(request, gettext("Approved and carried out."))
    if fresh:
        return redirect_with_secret(request, _path(row.person), fresh=fresh)
    return redirect("people:person", person_id=row.person_id)


@require_POST
@staff_only
def request_rejection(request: StaffRequest, number: int) -> HttpResponse:
    _require_admin(request)
    row = get_object_or_404(AdminRequest, pk=number)
    try:
        admin_request_reject(request=row, actor=request.user)
        messages.success(request, gettext("Closed; nothing was changed."))
    except PeopleRefused as refused:
        messages.error(request, refused.detail)
    return redirect("people:overview")


def _ask(request: StaffRequest, found: User, act: AdminRequest.Act, role: str) -> str:
    admin_request_open(person=found, act=act, role=role, actor=request.user)
    return gettext("Another admin must approve this; it waits on the people page.")


@transaction.atomic
def _person_make(request: StaffRequest, wanted: dict[str, Any]) -> tuple[User, str]:
    """Where the role needs two admins, the person begins without one, and another admin gives it.

    The password is then empty: that admin gets one that works, and who made the account never knows it.
    """
    if not role_needs_two(wanted["role"]):
        return services.person_create(**wanted, actor=request.user)
    made, _ = services.person_create(**wanted | {"role": None}, actor=request.user)
    messages.success(request, _ask(request, made, Act.ROLE, wanted["role"]))
    return made, ""


def present_requests(*, viewer: User) -> list[dict[str, Any]]:
    """Each with why the viewer may not approve it, and whether they may reject it."""
    return [
        {
            "row": row,
            "refusal": why_not_request_approver(request=row, approver=viewer),
            "may_reject": may_reject(request=row, actor=viewer),
        }
        for row in admin_requests_open(viewer=viewer)
    ]


def _page(request: StaffRequest, found: User, *, status: int = 200, **more: Any) -> HttpResponse:
    row = people_listed(viewer=request.user).get(pk=found.pk)
    context = {
        "person": row,
        "is_self": row.pk == request.user.pk,
        "waits": admin_requests_open(viewer=request.user).filter(person=row),
        "renamings": renamings_of(viewer=request.user, person=row),
        "locks": locks_of(viewer=request.user, person=row),
        "tokens": tokens_valid(viewer=request.user, owner=row),
        "must_by_role": is_required_by_role(row),
        "has_passwords": settings.LOCAL_PASSWORDS,
        "identity": Identity.objects.filter(user=row).first(),
        "must": is_required(row),
        "roles": Role.choices,
        "may_manage": may_manage_people(request.user),
    }
    return render(request, "people/person.html", context | more, status=status)


def _path(row: User) -> str:
    return reverse("people:person", args=[row.pk])


def _require_reader(request: StaffRequest) -> None:
    require(request.user, Right.SEE_PEOPLE)


def _require_admin(request: StaffRequest) -> None:
    require(request.user, Right.MANAGE_PEOPLE)
