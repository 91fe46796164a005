"""Confirms the account's owner: an unattended screen must not be enough for lasting changes."""

from __future__ import annotations

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.utils.translation import gettext, gettext_lazy

from kyc_review.accounts.login import REFUSALS, lock_minutes
from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.adapter import FactorUnreadable
from kyc_review.accounts.second_factor.selectors import has_second_factor
from kyc_review.accounts.second_factor.services import Checked, code_check
from kyc_review.accounts.staff_access import StaffRequest

WRONG_PASSWORD = gettext_lazy("Incorrect password.")


def is_locked(request: StaffRequest) -> bool:
    """Whether too many wrong passwords were sent from this address for the person: then no answer tells a right one."""
    return not AxesProxyHandler.is_allowed(request, {"username": request.user.get_username()})


def is_password_right(request: StaffRequest) -> bool:
    """Error of the field `password`. Wrong ones count and lock as at the login."""
    if not is_locked(request) and request.user.check_password(request.POST.get("password", "")):
        return True
    count_failure(request)
    return False


def unconfirmed(request: StaffRequest) -> str:
    """The error of the fields `password` and, with a second factor, `code`; empty if they are correct."""
    if not is_password_right(request):
        return str(WRONG_PASSWORD)
    return _code_problem(request) if has_second_factor(request.user) else ""


def approves_with_code(user: User) -> bool:
    """Whether an approval asks this person for a code. Without a second factor, `why_not_approver` refuses."""
    return settings.APPROVER_SECOND_FACTOR and has_second_factor(user)


def approval_unconfirmed(request: StaffRequest) -> str:
    """The error of the field `code` of an approval; empty if it is correct or none is asked for.

    The session says that the person was there up to twelve hours ago; the code, that the person is there now.
    """
    if not approves_with_code(request.user):
        return ""
    if is_locked(request):
        return REFUSALS[Checked.PAUSED].format(minutes=lock_minutes())
    return _code_problem(request)


def _code_problem(request: StaffRequest) -> str:
    try:
        checked = code_check(user=request.user, code=request.POST.get("code", "")[:40])
    except FactorUnreadable:
        return gettext("Your second factor is unreadable. Ask an administrator to reset it.")
    if checked not in REFUSALS:
        return ""
    count_failure(request)
    return REFUSALS[checked].format(minutes=lock_minutes())


def count_failure(request: StaffRequest) -> None:
    user_login_failed.send(
        sender=__name__, credentials={"username": request.user.get_username()}, request=request
    )
