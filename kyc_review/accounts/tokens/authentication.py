"""`Authorization: Bearer <token>` of a member of staff, and what the owner's role allows at this moment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from structlog.contextvars import bind_contextvars

from kyc_review.accounts.authentication import bearer, key_found, use_note
from kyc_review.accounts.models import PersonalToken, User
from kyc_review.accounts.required_actions import duty_of
from kyc_review.accounts.single_sign_on.confirmation import factor_is_at_provider

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

PATTERN = re.compile(r"(?P<prefix>kyc_person_[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
# The same answer for every failure, so that it does not reveal whether a prefix exists.
REFUSAL = (
    "The personal token is missing, unknown, expired or revoked, or its owner has left. Send "
    "`Authorization: Bearer <token>`; people create tokens on their account page. Integrations' keys do not work here."
)


class TokenAuthentication(BaseAuthentication):
    """`request.user` is the User, `request.auth` the PersonalToken. Never cached: a revoked token stops
    working immediately."""

    def authenticate(self, request: Request) -> tuple[User, PersonalToken] | None:
        sent = bearer(request)
        if sent is None:
            return None
        token = token_found(sent)
        if token is None:
            raise AuthenticationFailed(REFUSAL)
        bind_contextvars(key=token.prefix, user=token.owner.get_username())
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="kyc-review staff"'


def token_found(sent: str) -> PersonalToken | None:
    """The valid token of an active person; records its use, and names it in the owner's events of this request."""
    token = key_found(sent, PATTERN, _token_of_prefix)
    if token is None or not token.owner.is_active:
        return None
    use_note(token)
    token.owner.asks_by_token = token.prefix
    return token


def _token_of_prefix(*, prefix: str) -> PersonalToken | None:
    return PersonalToken.objects.select_related("owner").filter(prefix=prefix).first()


class MayAsk(BasePermission):
    """Each view lists in `allowed` who may use each method; a method without an entry is refused."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, PersonalToken):
            self.message = REFUSAL
            return False
        method = str(request.method)
        if not hasattr(view, method.lower()) or method == "OPTIONS":
            return True  # there is nothing to protect: the answer is 405, or which methods there are
        allowed = getattr(view, "allowed", {}).get("GET" if method == "HEAD" else method)
        self.message = refusal(request.auth, is_change=method not in SAFE_METHODS)
        if not self.message and not (allowed and allowed(request.auth.owner)):
            self.message = (
                "Your role does not allow this: admins change things here, admins and auditors read."
            )
        return not self.message


def refusal(token: PersonalToken, *, is_change: bool) -> str:
    """Why this token may not be used now, independent of the role; empty if it may."""
    if duty_of(token.owner, has_passed=factor_is_at_provider(token.owner)):
        return "Your account requires an action first (a new password or a second factor): log in to complete it."
    if is_change and token.is_read_only:
        return "This token is read-only; create another one on your account page."
    return ""
