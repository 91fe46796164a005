"""Messages to webhook endpoints, signed by the library of the Standard Webhooks project."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

SECRET, OTHER_SECRET = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"k", b"o"))
DATA: dict[str, Any] = {
    "id": "0b6e5a52-6f0c-4f1e-9d43-6f1f2f1f7a10",
    "status": "completed",
    "result": "clear",
    "reason": "models_agree",
    "checks": [],
    "is_test": True,
}


def message(**data: Any) -> str:
    """The body of a `submission.completed`."""
    at = "2026-11-21T09:30:00.000+00:00"
    return json.dumps({"type": "submission.completed", "timestamp": at, "data": DATA | data})


def signed(body: str, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("evt_1", at, body),
    }
