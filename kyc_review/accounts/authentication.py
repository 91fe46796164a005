"""`Authorization: Bearer <key>` for onboarding systems."""

import hmac
import re
from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from kyc_review.accounts.models import ApiKey, Integration
from kyc_review.accounts.services import key_digest

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module in turn, through the settings

KEY_PATTERN = re.compile(r"(?P<prefix>kyc_(?:live|test)_[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
# One answer for every failure: it must not tell whether a prefix exists.
REFUSAL = "The API key is missing, unknown, expired or revoked. Send `Authorization: Bearer <key>`."


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Integration, ApiKey] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if not scheme:
            return None
        match = KEY_PATTERN.fullmatch(token.strip())
        if scheme.lower() != "bearer" or match is None:
            raise AuthenticationFailed(REFUSAL)
        key = ApiKey.objects.select_related("integration").filter(prefix=match["prefix"]).first()
        if key is None or not hmac.compare_digest(key.digest, key_digest(token.strip())):
            raise AuthenticationFailed(REFUSAL)
        if not key.is_valid or not key.integration.is_active:
            raise AuthenticationFailed(REFUSAL)
        return key.integration, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="kyc-review"'


class IsIntegration(BasePermission):
    message = REFUSAL

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.user, Integration)
