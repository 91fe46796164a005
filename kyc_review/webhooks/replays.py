"""What the repetition of a request that made a secret shows, when it bears the same Idempotency-Key.

The kept answer holds only the secret's SHA-256. The secret itself is read from the endpoint, where it is encrypted,
and only while it is the one that the request made. So a lost answer can be asked for again, and no copy of a secret
outlives its rotation.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import QuerySet

from kyc_review.accounts.integrations.idempotency import Answer
from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.webhooks.models import Endpoint
from kyc_review.webhooks.secret_encryption import SealBroken, unseal


class EndpointDeleted(DomainError):
    """The endpoint that the repeated request had made was deleted."""

    code = "endpoint_deleted"
    status = 410


class SecretReplaced(DomainError):
    """The secret that the repeated request had made is no longer the endpoint's."""

    code = "secret_replaced"
    status = 410


def answer_with_secret(endpoint: Endpoint, secret: str, body: Mapping[str, Any]) -> Answer:
    """A new answer, of which only what finds the endpoint and recognises the secret is kept."""
    kept = {"endpoint": str(endpoint.pk), "secret_sha256": _digest(secret)}
    return Answer(201, {**body, "secret": secret}, kept=kept)


def endpoint_made(endpoints: QuerySet[Endpoint], kept: Mapping[str, Any]) -> Endpoint:
    """The endpoint that the first request made. Raises EndpointDeleted."""
    row = endpoints.filter(pk=kept["endpoint"]).first()
    if row is None:
        raise EndpointDeleted(
            "The endpoint that this Idempotency-Key made was deleted. Take a new key to register one."
        )
    return row


def secret_again(endpoint: Endpoint, kept: Mapping[str, Any], *, actor: models.Model) -> str:
    """The secret that the first request made, on record as shown again. Raises SecretReplaced."""
    try:
        secret = unseal(endpoint.secret)
    except SealBroken:
        secret = ""
    if not hmac.compare_digest(_digest(secret), kept["secret_sha256"]):
        raise SecretReplaced(
            "The secret that this Idempotency-Key made was replaced meanwhile and cannot be shown again. "
            "If you do not have the present one, rotate it with a new key."
        )
    audit.record(action="webhook.secret_shown_again", actor=actor, target=endpoint)
    return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
