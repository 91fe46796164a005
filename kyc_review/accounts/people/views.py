"""People and their roles: admins change them, auditors read. A password is shown once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kyc_review.accounts.models import User
from kyc_review.accounts.people import services
from kyc_review.accounts.people.forms import PersonForm, RoleForm
from kyc_review.accounts.people.selectors import locks_of, people_listed
from kyc_review.accounts.people.services import PeopleRefused
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


@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def overview(request: StaffRequest) -> HttpResponse:
    """GET lists all; POST adds a person, whose page shows the initial password once."""
    _require_reader(request)
    form = PersonForm(request.POST or None)
    if request.method == "POST":
        _require_admin(request)
        if form.is_valid():
            made, fresh = services.person_create(**form.cleaned_data, actor=request.user)
            return redirect_with_secret(request, _path(made), fresh=fresh)
    context = {
        "people": people_listed(viewer=request.user),
        "may_manage": may_manage_people(request.user),
        "roles": Role.choices,
        "form": form,
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
    services.role_change(person=found, role=form.cleaned_data["role"], actor=request.user)
    return gettext("The role is changed, with the next request.")


@_change
def activation(request: StaffRequest, found: User) -> HttpResponse | str:
    if parse_toggle(request):
        services.person_activate(person=found, actor=request.user)
        return gettext("Active again.")
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
    fresh = services.password_reissue(person=found, actor=request.user)
    return redirect_with_secret(request, _path(found), fresh=fresh)


@_change
def unlock(request: StaffRequest, found: User) -> HttpResponse | str:
    was_locked = staff_unlock(user=found, actor=request.user)
    return gettext("Unlocked.") if was_locked else gettext("There was no lock.")


@_change
def reset_factor(request: StaffRequest, found: User) -> HttpResponse | str:
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


def _page(request: StaffRequest, found: User, *, status: int = 200, **more: Any) -> HttpResponse:
    row = people_listed(viewer=request.user).get(pk=found.pk)
    context = {
        "person": row,
        "is_self": row.pk == request.user.pk,
        "locks": locks_of(viewer=request.user, person=row),
        "tokens": tokens_valid(viewer=request.user, owner=row),
        "must_by_role": is_required_by_role(row),
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
