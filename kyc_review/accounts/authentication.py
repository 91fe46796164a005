"""`Authorization: Bearer <key>` for onboarding systems, and what a key may do."""

import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from kyc_review.accounts.client_ip import client_address, within
from kyc_review.accounts.digests import key_digest
from kyc_review.accounts.models import ApiKey, BearerKey, Integration
from kyc_review.core.db.statements import columns, fetch_one, instance

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module in turn, through the settings

K = TypeVar("K", bound=BearerKey)
KEY_PATTERN = re.compile(r"(?P<prefix>kyc_(?:live|test)_[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
# The same answer for every failure, so that it does not reveal whether a prefix exists.
REFUSAL = (
    "The API key is missing, unknown, expired, revoked or not for this address. "
    "Send `Authorization: Bearer <key>`."
)
USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """`request.user` is the Integration, `request.auth` the ApiKey. Never cached: a revoked key stops working
    immediately."""

    def authenticate(self, request: Request) -> tuple[Integration, ApiKey] | None:
        sent = bearer(request)
        if sent is None:
            return None
        key = key_found(sent, KEY_PATTERN, key_of_prefix)
        if key is None or not key.integration.is_active:
            raise AuthenticationFailed(REFUSAL)
        if key.networks and not within(client_address(request._request), key.networks):
            raise AuthenticationFailed(REFUSAL)
        use_note(key)
        bind_contextvars(key=key.prefix)
        return key.integration, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="kyc-review"'


KEY_OF_PREFIX = f"""
    SELECT {columns(ApiKey, "key")}, {columns(Integration, "integration")}
    FROM accounts_apikey key
    JOIN accounts_integration integration ON integration.id = key.integration_id
    WHERE key.prefix = %(prefix)s
"""  # noqa: S608  (names of our own columns)
KEY_COLUMNS = len(ApiKey._meta.concrete_fields)


def key_of_prefix(*, prefix: str) -> ApiKey | None:
    """The key with its integration, whether valid or not."""
    found = fetch_one(KEY_OF_PREFIX, {"prefix": prefix})
    if found is None:
        return None
    key = instance(ApiKey, found[:KEY_COLUMNS])
    key.integration = instance(Integration, found[KEY_COLUMNS:])
    return key


def bearer(request: Request) -> str | None:
    """The text after `Bearer`; None without credentials, empty for another scheme."""
    scheme, _, sent = get_authorization_header(request).decode("latin-1").partition(" ")
    if not scheme:
        return None
    return sent.strip() if scheme.lower() == "bearer" else ""


def key_found(sent: str, pattern: re.Pattern[str], of_prefix: Callable[..., K | None]) -> K | None:
    """The valid key of this kind that was sent, if there is one."""
    match = pattern.fullmatch(sent)
    if match is None:
        return None
    key = of_prefix(prefix=match["prefix"])
    if key is None or not hmac.compare_digest(key.digest, key_digest(sent)):
        return None
    return key if key.is_valid else None


def use_note(key: BearerKey) -> None:
    """At most one write a minute for each key."""
    before = timezone.now() - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        type(key)._default_manager.filter(stale, pk=key.pk).update(last_used_at=timezone.now())


def caller_of(request: Request) -> ApiKey:
    """The key that sent the request; HasScope refuses requests without one."""
    return cast(ApiKey, request.auth)


def integration_of(request: Request) -> Integration:
    return caller_of(request).integration


class HasScope(BasePermission):
    """Each view names the scope of each method in `scopes`; a method without one is refused."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, ApiKey):
            self.message = REFUSAL
            return False
        method = str(request.method)
        if not hasattr(view, method.lower()) or method == "OPTIONS":
            return True  # there is nothing to protect: the answer is 405, or which methods there are
        needed = getattr(view, "scopes", {}).get("GET" if method == "HEAD" else method)
        if needed in request.auth.scopes:
            self.message = f"Another administrator has to approve that this key may use `{needed}`."
        else:
            self.message = f"This key lacks the scope `{needed}`; an administrator can issue one that has it."
        return needed in request.auth.rights
