"""A person's sessions: listed, and ended together."""

from __future__ import annotations

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from kyc_review.accounts.client_ip import client_address
from kyc_review.accounts.models import Identity, User
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core.db.locks import lock_for_transaction

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  (shown, not bound)
SESSION_ENDED = "staff.session_ended"
# In `data` of a row, and in `detail` of the event of its end: the `sid` of the login at the identity provider.
PROVIDER_SESSION = "provider_session"
# "kysid": a login is either noted before its logout is looked for, or looks for its logout itself.
PROVIDER_SESSIONS_LOCK = 0x6B79_7369_64
ENDED_WITHIN = timedelta(hours=1)  # longer than a login takes, the second step included


def session_note(request: HttpRequest, *, provider_session: str = "") -> None:
    """Lists the session of a request of a person who is logged in."""
    UserSession.objects.get_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": request.user,
            "ip": client_address(request) or UNKNOWN_ADDRESS,
            "user_agent": request.headers.get("User-Agent", "")[:200],
            "data": {PROVIDER_SESSION: provider_session} if provider_session else {},
        },
    )


def has_ended_at_provider(*, user: User, provider_session: str) -> bool:
    """Whether the identity provider has ended this session already.

    In the transaction that notes it, so that a logout either finds the session or is found here.
    """
    lock_for_transaction(PROVIDER_SESSIONS_LOCK)
    subject = Identity.objects.filter(user=user).values_list("subject", flat=True).first() or ""
    return Event.objects.filter(
        action=SESSION_ENDED,
        at__gte=timezone.now() - ENDED_WITHIN,
        detail__subject__in=["", subject],
        **{f"detail__{PROVIDER_SESSION}": provider_session},
    ).exists()


def sessions_invalidate(*, user: User) -> None:
    """Ends all sessions of a person from the next request on. In the caller's transaction, which records the reason."""
    User.objects.filter(pk=user.pk).update(session_generation=models.F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])


def session_keep(request: HttpRequest) -> None:
    """The session of this request goes on, with a new key, although the others were ended."""
    began = UserSession.objects.filter(session_key=request.session.session_key).first()
    update_session_auth_hash(request, request.user)  # type: ignore[arg-type]  # a person
    if began is not None:
        UserSession.objects.filter(pk=began.pk).update(session_key=request.session.session_key)


@transaction.atomic
def other_sessions_end(request: HttpRequest) -> None:
    """By their owner."""
    person = request.user
    assert isinstance(person, User)
    sessions_invalidate(user=person)
    session_keep(request)
    audit.record(action="staff.other_sessions_ended", actor=person, target=person)


def sessions_of(user: User) -> list[UserSession]:
    """Those that go on, the one used last first."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda row: row.last_seen_at, reverse=True)


def latest_session_data() -> str | None:
    """Of the session that was used last, also if it has ended; signed with SECRET_KEY."""
    return Session.objects.order_by("-expire_date").values_list("session_data", flat=True).first()


def is_signed_with(key: str, session_data: str) -> bool:
    """Whether this value of SECRET_KEY alone opens it."""
    store = SessionStore()
    try:
        signing.loads(
            session_data, key=key, salt=store.key_salt, serializer=store.serializer, fallback_keys=[]
        )
    except signing.BadSignature:
        return False
    return True
