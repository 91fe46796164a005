"""A secret that was just made is shown by the page after a redirect, once.

The answer to a POST is never the page itself: a reload would send the form again and make a second one. Between the two
requests the secret lies in the session, encrypted, for the page at one path only and for a few minutes.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect

from kyc_review.core.encryption import box

KEPT_S = 300
NAME = "shown_once"  # in the session


def redirect_with_secret(request: HttpRequest, path: str, **shown: Any) -> HttpResponseRedirect:
    """Redirects to `path`, whose view adds what `secret_once` returns to its context. shown: what JSON can hold."""
    sealed = _box().encrypt(json.dumps(shown).encode()).decode()
    request.session[NAME] = {"path": path, "sealed": sealed}
    return HttpResponseRedirect(path)


def secret_once(request: HttpRequest) -> dict[str, Any]:
    """What was sealed for this GET's path, which is forgotten now; empty without it."""
    kept = request.session.get(NAME)
    if request.method != "GET" or not kept or kept["path"] != request.path:
        return {}
    del request.session[NAME]
    try:
        shown: dict[str, Any] = json.loads(_box().decrypt(kept["sealed"].encode(), ttl=KEPT_S))
    except InvalidToken:  # too old, or SECRET_KEY was changed
        return {}
    return shown


def _box():  # type: ignore[no-untyped-def]  # MultiFernet, which is imported when it is needed
    return box(
        [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], purpose="kyc_review.accounts.shown_once"
    )
