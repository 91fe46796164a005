"""Which second factors count for approvals: those that were set up more than APPROVER_INDEPENDENCE_DAYS ago.

Somebody who takes over an account, by its password or by writing into the database, can set one up and approve with it.
The event of the enrolment says when that was, and of which factor: the row of a factor can be written by the
application's role, an event's time cannot. An installation that is younger than that has no older factors, so the rule
does not hold there yet.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from kyc_review.accounts.second_factor.selectors import FACTORS, Checked
from kyc_review.audit.models import Event

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

ENROLLED = {
    Authenticator.Type.TOTP: "staff.second_factor_enrolled",
    Authenticator.Type.WEBAUTHN: "staff.passkey_added",
}
ENDED = ("staff.second_factor_ended", "staff.second_factor_reset")
REMOVED = "staff.passkey_removed"
SHA256 = "factor_sha256"
# Of factors from before events named them (naming.py): one event for each, then one that ends the list for good.
NAMED, ALL_NAMED = "staff.second_factor_named", "staff.second_factors_named"


def factor_told(row: Authenticator) -> dict[str, str]:
    """For the detail of an event: SHA-256 of what the row keeps for good, as it is stored."""
    kept = row.data["secret" if row.type == Authenticator.Type.TOTP else "credential"]
    return {SHA256: hashlib.sha256(kept.encode()).hexdigest()}


def why_no_factor_counts(person: User) -> str:
    """Why none of the person's second factors counts for approvals, and what to do; empty if one does."""
    if not _is_asked():
        return ""
    refusals = [
        _refusal(row) for row in Authenticator.objects.filter(user=person, type__in=FACTORS).order_by("pk")
    ]
    return "" if "" in refusals else "".join(refusals[:1])


def why_used_factor_does_not_count(person: User, checked: Checked) -> str:
    """As above, of the one that the person has just confirmed with."""
    if not _is_asked():
        return ""
    if checked == Checked.RECOVERY_CODE:
        return gettext("A recovery code does not count for approvals: use your app or a passkey.")
    rows = Authenticator.objects.filter(user=person)
    if checked == Checked.PASSKEY:
        used = rows.filter(type=Authenticator.Type.WEBAUTHN, last_used_at__isnull=False)
        return _refusal(used.latest("last_used_at"))
    return _refusal(rows.get(type=Authenticator.Type.TOTP))


def _is_asked() -> bool:
    if not (settings.APPROVER_SECOND_FACTOR and settings.APPROVER_INDEPENDENCE_DAYS):
        return False
    first = Event.objects.order_by("at", "id").values_list("at", flat=True).first()
    return first is not None and first < _limit()


def _limit() -> datetime:
    return timezone.now() - timedelta(days=settings.APPROVER_INDEPENDENCE_DAYS)


def _refusal(row: Authenticator) -> str:
    enrolled = _enrolled_at(row)
    if enrolled is None:
        return gettext(
            "The audit log does not say that you set up this second factor, so it does not count for approvals. Tell "
            "the operator; then turn it off on your account page and set it up again."
        )
    if enrolled < _limit():
        return ""
    days = settings.APPROVER_INDEPENDENCE_DAYS
    return gettext(
        "You set up this second factor on %(set_up)s; it counts for approvals from %(day)s on, because somebody who "
        "takes over an account could have done so. Until then another admin must approve, or the operator acts on the "
        "server."
    ) % {
        "set_up": date_format(timezone.localdate(enrolled), "SHORT_DATE_FORMAT"),
        "day": date_format(timezone.localdate(enrolled) + timedelta(days=days + 1), "SHORT_DATE_FORMAT"),
    }


def is_enrolled_without_name(row: Authenticator) -> bool:
    """Whether the owner set up a factor of this kind, and no event says which, nor names this one."""
    return _enrolments(row)[0] is None and _enrolments(row)[1] is not None


def _enrolled_at(row: Authenticator) -> datetime | None:
    """When the owner set up this very factor; None if the audit log does not say so."""
    return _enrolments(row)[0]


def _enrolments(row: Authenticator) -> tuple[datetime | None, datetime | None]:
    """When the owner set up this very factor, and when one of its kind by an event that does not say which."""
    mine = factor_told(row)[SHA256]
    found = nameless = None
    events = Event.objects.filter(
        target_kind="user",
        target_id=str(row.user_id),
        action__in=(ENROLLED[row.type], *ENDED, REMOVED, NAMED),
    )
    listed_to = Event.objects.filter(action=ALL_NAMED).order_by("pk").values_list("pk", flat=True).first()
    for event in events.order_by("pk"):
        named = event.detail.get(SHA256)
        if event.action in ENDED:
            found = nameless = None
        elif event.action == ENROLLED[row.type] and named is None:
            nameless = event.at
        elif event.action == ENROLLED[row.type] and named == mine:
            found = event.at
        elif event.action == NAMED and named == mine and listed_to is not None and event.pk < listed_to:
            found = nameless
        elif event.action == REMOVED and named == mine:
            found = None
    return found, nameless
