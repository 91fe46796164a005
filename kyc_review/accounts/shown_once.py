"""A secret that was just made is shown by the page after a redirect, once.

The answer to a POST is never the page itself: a reload would send the form again and make a second one. Between the two
requests the secret lies in the session, encrypted, for the page at one path only and for a few minutes. Each object has
a slot of its own, so that of two that are made at the same moment both are shown. Slots are changed in the locked row
of the session, because a request that saves its whole session undoes what another request wrote meanwhile.
"""

from __future__ import annotations

import json
import time
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect

from kyc_review.core.encryption import box

KEPT_S = 300
NAME = "shown_once_slots"  # in the session
Slot = dict[str, Any]  # path, object, sealed, until (seconds since 1970)


def redirect_with_secret(
    request: HttpRequest, path: str, *, of: str = "", **shown: Any
) -> HttpResponseRedirect:
    """Redirects to `path`, whose view adds what `secret_once` or `secrets_once` returns to its context.

    of: which object of the page it belongs to; a newer secret of the same object replaces it.
    shown: what JSON can hold.
    """
    sealed = _box().encrypt(json.dumps(shown).encode()).decode()
    slot = {"path": path, "object": of, "sealed": sealed, "until": time.time() + KEPT_S}
    if request.session.modified:
        request.session.save()  # what the view changed itself
    with transaction.atomic():
        others = [
            other
            for other in _slots_locked(request)
            if (other["path"], other["object"]) != (path, of) and other["until"] > time.time()
        ]
        _slots_write(request, [*others, slot])
    return HttpResponseRedirect(path)


def secrets_once(request: HttpRequest) -> list[dict[str, Any]]:
    """What was sealed for this GET's path, the oldest first, which is forgotten now; empty without it."""
    if request.method != "GET" or not _of_path(request.session.get(NAME, []), request.path):
        return []
    with transaction.atomic():
        slots = _slots_locked(request)
        mine = _of_path(slots, request.path)
        _slots_write(request, [slot for slot in slots if slot not in mine])
    return [shown for slot in mine if (shown := _opened(slot)) is not None]


def secret_once(request: HttpRequest) -> dict[str, Any]:
    """`secrets_once` for a page of one object: the latest, or empty."""
    found = secrets_once(request)
    return found[-1] if found else {}


def _of_path(slots: list[Slot], path: str) -> list[Slot]:
    return [slot for slot in slots if slot["path"] == path]


def _opened(slot: Slot) -> dict[str, Any] | None:
    try:
        shown: dict[str, Any] = json.loads(_box().decrypt(slot["sealed"].encode(), ttl=KEPT_S))
    except InvalidToken:  # too old, or SECRET_KEY was changed
        return None
    return shown


def _slots_locked(request: HttpRequest) -> list[Slot]:
    """As the database has them now; no other request changes them until the transaction ends."""
    rows = Session.objects.select_for_update()
    row = rows.filter(session_key=request.session.session_key).first()
    slots: list[Slot] = row.get_decoded().get(NAME, []) if row else []
    return slots


def _slots_write(request: HttpRequest, slots: list[Slot]) -> None:
    row = Session.objects.filter(session_key=request.session.session_key).first()
    if row is None:  # the session has ended meanwhile
        return
    row.session_data = request.session.encode(row.get_decoded() | {NAME: slots})
    row.save(update_fields=["session_data"])
    request.session[NAME] = slots
    # It is written; but the browser still has to hear of a new key.
    request.session.modified = request.COOKIES.get(settings.SESSION_COOKIE_NAME) != row.session_key


def _box():  # type: ignore[no-untyped-def]  # MultiFernet, which is imported when it is needed
    return box(
        [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], purpose="kyc_review.accounts.shown_once"
    )
