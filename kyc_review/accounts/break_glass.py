"""A way in without password and identity provider, from the server's command line: a link that counts once."""

from __future__ import annotations

import time
from typing import Final

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from kyc_review.accounts.account_notices import record_and_tell
from kyc_review.accounts.login import code_ask, let_in
from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.selectors import has_second_factor
from kyc_review.accounts.sessions.services import sessions_invalidate
from kyc_review.accounts.single_sign_on.confirmation import CONFIRMED

VALID_S: Final = 900
BY = "break_glass"
_signer = TimestampSigner(salt="kyc_review.accounts.break_glass")


@transaction.atomic
def break_glass_link(*, user: User) -> str:
    """The link that lets this person in within 15 minutes. The caller is the operator, who needs no further right."""
    record_and_tell(action="staff.break_glass_issued", target=user)
    token = _signer.sign_object({"user": user.pk, "generation": user.session_generation})
    return settings.PUBLIC_URL.rstrip("/") + reverse("break_glass", args=[token])


@require_http_methods(["GET", "POST"])
@csrf_protect
@never_cache
def break_glass(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks, so that no program that follows links uses it up; POST lets in. The second factor is asked for."""
    user = _person_of(token)
    if user is None:
        return render(request, "registration/break_glass.html", status=403)
    if request.method != "POST":
        return render(request, "registration/break_glass.html", {"person": user})
    if not _use(user):
        return render(request, "registration/break_glass.html", status=403)
    # Counts as a confirmation, so that a person without password can set up a second factor.
    kept = {CONFIRMED: {"at": time.time(), "with_factor": False}}
    if has_second_factor(user):
        return code_ask(request, user, settings.LOGIN_REDIRECT_URL, by=BY, in_session=kept)
    return let_in(request, user, settings.LOGIN_REDIRECT_URL, by=BY, in_session=kept)


def _person_of(token: str) -> User | None:
    try:
        said = _signer.unsign_object(token, max_age=VALID_S)
    except BadSignature:
        return None
    return User.objects.filter(pk=said["user"], session_generation=said["generation"], is_active=True).first()


@transaction.atomic
def _use(user: User) -> bool:
    """Ends the person's sessions, and with them this link; whether no other request was faster."""
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.session_generation != user.session_generation:
        return False
    sessions_invalidate(user=user)
    return True
