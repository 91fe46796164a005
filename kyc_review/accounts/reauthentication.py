"""Confirms the account's owner: an unattended screen must not be enough for lasting changes."""

from __future__ import annotations

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.utils.translation import gettext, gettext_lazy

from kyc_review.accounts.login import REFUSALS, lock_minutes
from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.adapter import FactorUnreadable
from kyc_review.accounts.second_factor.approving import why_used_factor_does_not_count
from kyc_review.accounts.second_factor.second_step import second_step_check
from kyc_review.accounts.second_factor.selectors import Checked, has_second_factor, is_required
from kyc_review.accounts.single_sign_on.confirmation import (
    confirmation_use,
    confirms_at_provider,
    factor_is_at_provider,
    is_confirmed,
)
from kyc_review.accounts.staff_access import StaffRequest

WRONG_PASSWORD = gettext_lazy("Incorrect password.")
UNCONFIRMED = gettext_lazy(
    "Confirm at your identity provider that it is you, then send it again within five minutes."
)


def is_locked(request: StaffRequest) -> bool:
    """Whether too many wrong passwords were sent from this address for the person: then no answer tells a right one."""
    return not AxesProxyHandler.is_allowed(request, {"username": request.user.get_username()})


def password_problem(request: StaffRequest) -> str:
    """Error of the field `password`; empty if it is correct. Wrong ones count and lock as at the login.

    People whose password is at the identity provider have logged in there again instead.
    """
    if confirms_at_provider(request.user):
        return "" if is_confirmed(request) else str(UNCONFIRMED)
    if not is_locked(request) and request.user.check_password(request.POST.get("password", "")):
        return ""
    count_failure(request)
    return str(WRONG_PASSWORD)


def code_problem(request: StaffRequest) -> str:
    """The error of the field `code`; empty if it is correct, and for people without a second factor."""
    return _second_step(request)[1] if has_second_factor(request.user) else ""


def unconfirmed(request: StaffRequest) -> str:
    """The error of the fields `password` and, with a second factor, `code`; empty if they are correct."""
    if problem := password_problem(request):
        return problem
    if has_second_factor(request.user):
        return code_problem(request)
    if factor_is_at_provider(request.user) and is_required(request.user):
        return "" if is_confirmed(request, with_factor=True) else str(UNCONFIRMED)
    return ""


def approves_with_code(user: User) -> bool:
    """Whether an approval asks this person for a code. Without a second factor, `why_not_approver` refuses."""
    return settings.APPROVER_SECOND_FACTOR and has_second_factor(user)


def approves_at_provider(user: User) -> bool:
    """Whether an approval asks this person to log in at the identity provider again, with its second factor."""
    return settings.APPROVER_SECOND_FACTOR and not has_second_factor(user) and factor_is_at_provider(user)


def approval_unconfirmed(request: StaffRequest) -> str:
    """The error of an approval's field `code`; empty if it is correct or none is asked for.

    The session says that the person was there up to twelve hours ago; the code, or a new login at the identity
    provider, that the person is there now.
    """
    if approves_at_provider(request.user):
        if not is_confirmed(request, with_factor=True):
            return str(UNCONFIRMED)
        confirmation_use(request)
        return ""
    if not approves_with_code(request.user):
        return ""
    if is_locked(request):
        return REFUSALS[Checked.PAUSED].format(minutes=lock_minutes())
    checked, problem = _second_step(request)
    return problem or why_used_factor_does_not_count(request.user, checked)


def _second_step(request: StaffRequest) -> tuple[Checked, str]:
    """What it was, and its error; empty if it is correct."""
    try:
        checked = second_step_check(request, request.user)
    except FactorUnreadable:
        return Checked.REFUSED, gettext("Your second factor is unreadable. Ask an administrator to reset it.")
    if checked not in REFUSALS:
        return checked, ""
    count_failure(request)
    return checked, REFUSALS[checked].format(minutes=lock_minutes())


def count_failure(request: StaffRequest) -> None:
    user_login_failed.send(
        sender=__name__, credentials={"username": request.user.get_username()}, request=request
    )
