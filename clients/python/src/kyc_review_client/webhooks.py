"""Messages of the server to your webhook endpoint (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping

from kyc_review_client.errors import WebhookInvalid
from kyc_review_client.models import Event

TOLERANCE_S = 300
PREFIX = "whsec_"
SHORTEST_KEY_BYTES = 16


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, tolerance_s: float = TOLERANCE_S
) -> Event:
    """The event of a message, once its signature and age are right. Raises WebhookInvalid.

    `body`: the bytes as they came, before anything parsed them. The same event may arrive twice: keep `Event.id`.
    """
    key = _key(secret)
    sent = {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}
    event_id, stamp = sent.get("webhook-id"), sent.get("webhook-timestamp", "")
    signatures = sent.get("webhook-signature", "").split()
    if not event_id or not re.fullmatch("[0-9]{1,12}", stamp) or not signatures:
        raise WebhookInvalid("The headers of a signed webhook are missing or malformed.")
    if abs(time.time() - int(stamp)) > tolerance_s:
        raise WebhookInvalid("The message is too old, or a clock is wrong.")
    content = f"{event_id}.{stamp}.".encode("utf-8", "surrogatepass") + body
    expected = b"v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    # During a rotation a message carries two.
    if not any(hmac.compare_digest(one.encode("utf-8", "surrogatepass"), expected) for one in signatures):
        raise WebhookInvalid("The signature does not belong to this secret and body.")
    try:
        return Event.of(json.loads(body), event_id)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        raise WebhookInvalid("The message is signed but holds no event; upgrade this package.") from None


def _key(secret: str) -> bytes:
    """An empty one, such as a setting that is absent, would let anybody sign."""
    try:
        key = base64.b64decode(secret[len(PREFIX) :] if secret.startswith(PREFIX) else secret, validate=True)
    except ValueError:
        key = b""
    if len(key) < SHORTEST_KEY_BYTES:
        raise WebhookInvalid("The secret is not one of an endpoint: whsec_ and base64.")
    return key
