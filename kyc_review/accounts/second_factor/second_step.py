"""The second step of a login, of a confirmation and of an approval: a passkey, or a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

from kyc_review.accounts.second_factor.passkeys import passkey_check
from kyc_review.accounts.second_factor.selectors import Checked
from kyc_review.accounts.second_factor.services import code_check

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def second_step_check(request: HttpRequest, user: User) -> Checked:
    """Reads the fields `passkey` (what the browser signed) or `code`. Raises FactorUnreadable."""
    if signed := request.POST.get("passkey", "")[:20_000]:
        is_right = passkey_check(request=request, user=user, answer=signed)
        return Checked.PASSKEY if is_right else Checked.REFUSED
    return code_check(user=user, code=request.POST.get("code", "")[:40])
