"""Whether the secrets of this process open what others have stored: proof that they share them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.conf import settings

from kyc_review.accounts.models import User
from kyc_review.accounts.second_factor.adapter import is_encrypted_with
from kyc_review.accounts.second_factor.selectors import latest_factor_secret
from kyc_review.accounts.sessions.services import is_signed_with, latest_session_data
from kyc_review.encryption.shared_secrets import SECRET_KEY, SecretEvidence, keys_listed, secret_names
from kyc_review.webhooks.models import Endpoint
from kyc_review.webhooks.secret_encryption import is_sealed_with
from kyc_review.webhooks.selectors import latest_endpoint_secret


def secret_evidence() -> SecretEvidence:
    """Of the secrets that this process was given. People without any login or second factor prove nothing: only an
    empty installation takes its secrets from the first that comes."""
    is_new = not Endpoint.objects.exists() and not User.objects.exists()
    opened, closed = {}, set()
    for name in secret_names():
        keys, opens = keys_listed(name), _proof(name)
        if found := keys[0] if is_new else next((key for key in keys if opens and opens(key)), None):
            opened[name] = found
        elif opens or name == SECRET_KEY:
            closed.add(name)
    return SecretEvidence(opened, frozenset(closed))


def _proof(name: str) -> Callable[[str], bool] | None:
    """Whether a value opens what was stored last. Only that counts: what is older may be of a value that was stolen and
    replaced, which a forgotten process still has. Second factors and endpoints live longest, so sessions come first."""
    if name == SECRET_KEY:
        if (session := latest_session_data()) is not None:
            return partial(is_signed_with, session_data=session)
        if (factor := latest_factor_secret()) is not None:
            return partial(is_encrypted_with, encrypted_text=factor)
        if settings.WEBHOOK_SECRETS_KEY:
            return None
    if (endpoint := latest_endpoint_secret()) is not None:
        return partial(is_sealed_with, sealed=endpoint)
    return None
