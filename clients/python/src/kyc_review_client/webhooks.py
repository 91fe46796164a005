"""Messages of the server to your webhook endpoint (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from kyc_review_client.errors import WebhookInvalid
from kyc_review_client.models import Event

TOLERANCE_S = 300
PREFIX = "whsec_"


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, tolerance_s: float = TOLERANCE_S
) -> Event:
    """The event of a message, once its signature and age are right. Raises WebhookInvalid.

    `body`: the bytes as they came, before anything parsed them. The same event may arrive twice: keep `Event.id`.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    try:
        event_id, stamp = sent["webhook-id"], sent["webhook-timestamp"]
        signatures, sent_at = sent["webhook-signature"].split(), int(stamp)
    except (KeyError, ValueError):
        raise WebhookInvalid("The headers of a signed webhook are missing or malformed.") from None
    if abs(time.time() - sent_at) > tolerance_s:
        raise WebhookInvalid("The message is too old, or a clock is wrong.")
    expected = _signature(f"{event_id}.{stamp}.".encode() + body, secret)
    # During a rotation a message carries two.
    if not any(hmac.compare_digest(one.encode(), expected) for one in signatures):
        raise WebhookInvalid("The signature does not belong to this secret and body.")
    return Event.of(json.loads(body), event_id)


def _signature(content: bytes, secret: str) -> bytes:
    try:
        key = base64.b64decode(secret[len(PREFIX) :] if secret.startswith(PREFIX) else secret, validate=True)
    except binascii.Error:
        raise ValueError("The secret is not one of an endpoint: whsec_ and base64.") from None
    return b"v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
