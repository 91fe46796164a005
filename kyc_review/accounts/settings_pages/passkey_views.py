"""A person's own passkeys.

A new one is made by the browser first and stored after password and second factor: those come last, so that a recovery
code is used only where nothing can fail any more.
"""

from __future__ import annotations

import time
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import json_script
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from kyc_review.accounts.login import PASSED
from kyc_review.accounts.reauthentication import unconfirmed
from kyc_review.accounts.second_factor.passkeys import (
    creation_options,
    new_passkey_name,
    passkey_add,
    passkey_remove,
    passkey_verify,
    passkeys_problem,
)
from kyc_review.accounts.second_factor.services import FactorRefused
from kyc_review.accounts.sessions.services import session_keep
from kyc_review.accounts.shown_once import redirect_with_secret
from kyc_review.accounts.staff_access import StaffRequest, staff_only

FACTORS: Final = "account:second_factor"
ADDING: Final = "passkey_adding"  # of the session: name, time, and `made` once the browser has made it
NEW: Final = "account:passkey_new"
ADDING_S: Final = 300


@sensitive_post_parameters()
@require_POST
@never_cache
@staff_only
def begin(request: StaffRequest) -> HttpResponse:
    """Takes the name; the next page has the browser make the passkey."""
    try:
        name = new_passkey_name(request.user, request.POST.get("name", ""))
    except FactorRefused as refused:
        messages.error(request, refused.detail)
        return redirect(FACTORS)
    if problem := passkeys_problem(request):
        messages.error(request, problem)
        return redirect(FACTORS)
    request.session[ADDING] = {"name": name, "until": time.time() + ADDING_S}
    return redirect(NEW)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
@staff_only
def new(request: StaffRequest) -> HttpResponse:
    """First the browser makes the passkey, then the same page asks for password and second factor."""
    adding = request.session.get(ADDING)
    if not adding or adding["until"] < time.time():
        messages.error(request, gettext("That took too long. Begin again."))
        return redirect(FACTORS)
    if request.method != "POST":
        context = {"name": adding["name"], "is_made": "made" in adding}
        if "made" not in adding:
            context["options"] = json_script(creation_options(request, request.user), "passkey-options")
        return render(request, "account/passkey.html", context)
    try:
        if "made" not in adding:
            made = passkey_verify(request=request, answer=request.POST.get("made", "")[:20_000])
            request.session[ADDING] = adding | {"made": made, "until": time.time() + ADDING_S}
            return redirect(NEW)
        if problem := unconfirmed(request):
            raise FactorRefused(problem)
        codes = passkey_add(user=request.user, name=adding["name"], made=adding["made"])
    except FactorRefused as refused:
        messages.error(request, refused.detail)
        return redirect(NEW)
    del request.session[ADDING]
    request.session[PASSED] = True
    session_keep(request)
    messages.success(request, gettext("%(name)s was added.") % {"name": adding["name"]})
    return redirect_with_secret(request, reverse(FACTORS), codes=codes) if codes else redirect(FACTORS)


@sensitive_post_parameters()
@require_POST
@never_cache
@staff_only
def removal(request: StaffRequest, number: int) -> HttpResponse:
    if problem := unconfirmed(request):
        messages.error(request, problem)
        return redirect(FACTORS)
    try:
        name = passkey_remove(user=request.user, number=number)
    except FactorRefused as refused:
        messages.error(request, refused.detail)
        return redirect(FACTORS)
    session_keep(request)
    messages.success(request, gettext("%(name)s was removed.") % {"name": name})
    return redirect(FACTORS)
