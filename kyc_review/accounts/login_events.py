"""Events of failed logins and of logouts. Strangers cause the former, so equal ones are recorded once in a while."""

from __future__ import annotations

import logging
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from redis.exceptions import RedisError

from kyc_review.accounts.account_notices import TOLD, person_tell
from kyc_review.accounts.client_ip import client_address
from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.core.valkey import client

log = logging.getLogger(__name__)


def connect() -> None:
    user_login_failed.connect(_login_failed, dispatch_uid="kyc_review.accounts.login_failed")
    user_logged_out.connect(_logged_out, dispatch_uid="kyc_review.accounts.logged_out")


def record_once(
    action: str, *, username: str, address: str, reason: str = "", claimed: dict[str, str] | None = None
) -> None:
    """An event for the first of many equal causes within LOGIN_LOCK_S; the log has no end and forgets nothing.

    Equal are action, address, account, reason and `claimed`: the login that an identity provider vouched for. Give
    nothing there that a stranger can choose, since each value makes an event of its own.

    A name that no account has is not kept, because people type their password into that field, too; of all such names
    from one address there is one event.
    """
    person = User.objects.filter(username=username).first()
    if person is None:
        username = ""
    claimed = claimed or {}
    name = ":".join(["login-event", action, address, username, reason, *claimed.values()])
    try:
        is_first = client().set(name, 1, nx=True, ex=settings.LOGIN_LOCK_S)
    except (RedisError, OSError) as error:
        log.warning("Valkey does not answer, so an event may be recorded twice: %s", error)
        is_first = True
    if is_first:
        who = {"username": username} if username else {"is_unknown": True}
        why = {"reason": reason} if reason else {}
        audit.record(action=action, detail=who | why | claimed | {"address": address})
        if person is not None and action in TOLD:
            person_tell(action=action, person=person)


def is_address_locked(request: HttpRequest) -> bool:
    """Whether LOGIN_ADDRESS_FAILURES_MAX logins failed from this address recently, for any names."""
    recent = AccessAttempt.objects.filter(
        ip_address=client_address(request) or None,
        attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME,
    )
    failures = recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
    return bool(failures >= settings.LOGIN_ADDRESS_FAILURES_MAX)


def _login_failed(request: HttpRequest | None, credentials: dict[str, Any], **more: Any) -> None:
    if request is not None:
        name = str(credentials.get("username", ""))[:150]
        record_once("staff.login_failed", username=name, address=client_address(request))


def _logged_out(request: HttpRequest, user: User | None, **more: Any) -> None:
    if user is not None:
        detail = {"address": client_address(request)}
        audit.record(action="staff.logged_out", actor=user, target=user, detail=detail)
