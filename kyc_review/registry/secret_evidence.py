"""Whether the secrets of this process open what others have stored: proof that they share them."""

from __future__ import annotations

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.selectors import factor_opens
from kyc_review.accounts.sessions.services import session_opens
from kyc_review.encryption.shared_secrets import (
    SECRET_KEY,
    SecretEvidence,
    keys_listed,
    secret_names,
)
from kyc_review.webhooks.models import Endpoint
from kyc_review.webhooks.selectors import endpoint_opens


def secret_evidence() -> SecretEvidence:
    """Of the secrets that this process was given. People without any login or second factor prove nothing: only an
    empty installation takes its secrets from the first that comes."""
    has_endpoints = Endpoint.objects.exists()
    is_new = not has_endpoints and not User.objects.exists()
    opened, closed = {}, set()
    for name in secret_names():
        keys = keys_listed(name)
        if found := keys[0] if is_new else next((key for key in keys if _opens(name, key)), None):
            opened[name] = found
        elif name == SECRET_KEY or has_endpoints:
            closed.add(name)
    return SecretEvidence(opened, frozenset(closed))


def _opens(name: str, key: str) -> bool:
    """Endpoints of before WEBHOOK_SECRETS_KEY was set are encrypted with SECRET_KEY."""
    return endpoint_opens(key) or (name == SECRET_KEY and (session_opens(key) or factor_opens(key)))
