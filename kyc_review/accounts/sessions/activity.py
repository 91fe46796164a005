"""Sessions end some time after the last act of the person, and at the latest some time after the login."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from structlog.contextvars import bind_contextvars

from kyc_review.accounts.sessions.services import SESSION_ENDED, session_note
from kyc_review.audit import services as audit

if TYPE_CHECKING:
    from datetime import datetime

# What pages ask by themselves has this header (`hx-headers`), and does not keep a session alive.
BY_ITSELF: Final = "X-Polling"
# The time of the last act is written at most this often: it costs a write.
NOTED_EVERY = timedelta(minutes=1)


class SessionActivity:
    """Middleware after Django's authentication: ends the session of a person who was away too long.

    The time is kept in allauth's row of the session. In the session itself, a request that writes it would undo what
    another one changed meanwhile.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            bind_contextvars(user=request.user.get_username())
            _check(request)
        return self.get_response(request)


def _check(request: HttpRequest) -> None:
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    if row is None:
        # A login before this was counted; or another request has just ended the session that this one read before.
        if request.session.exists(request.session.session_key or ""):
            session_note(request)
        else:
            _end(request)
        return
    now = timezone.now()
    if reason := _over(row, now):
        person = row.user
        _end(request)
        row.delete()
        audit.record(action=SESSION_ENDED, actor=person, target=person, detail={"reason": reason})
    elif now - row.last_seen_at >= NOTED_EVERY and BY_ITSELF not in request.headers:
        UserSession.objects.filter(pk=row.pk).update(last_seen_at=now)


def _end(request: HttpRequest) -> None:
    request.session.flush()
    request.user = AnonymousUser()


def _over(row: UserSession, now: datetime) -> str:
    """Why the session is over; empty while it is not."""
    if (now - row.last_seen_at).total_seconds() > settings.SESSION_IDLE_S:
        return "idle"
    if (now - row.created_at).total_seconds() > settings.SESSION_COOKIE_AGE:
        return "age"
    return ""
