"""What came back, read so that no answer of a server or proxy makes anything but an `Unreadable`."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timezone
from typing import Any

PICTURE_TYPE = "application/octet-stream"
LONGEST_RETRY_AFTER_S = 1e9


class Unreadable(Exception):
    """A 2xx that is cut off or not from this API. It counts as an answer that was lost."""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    value: Any = field(default=None, repr=False)

    def read(self, model: Callable[[Any], Any] | None) -> None:
        """Make `value` of the JSON, with `model`; without one it is a 204 or the bytes of a picture.

        Raises Unreadable.
        """
        try:
            if model is not None:
                self.value = model(json.loads(self.body))
                return
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as wrong:
            raise Unreadable(f"{self.status} with a body that is not this API's ({wrong!r:.100})") from wrong
        sent_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.status != 204 and sent_type != PICTURE_TYPE:
            raise Unreadable(f"{self.status} with {sent_type or 'a body'}, which this API does not send here")

    @property
    def retry_after_s(self) -> float | None:
        """Of `Retry-After` in seconds or as a date (RFC 9110). None: absent, no such value, or a date that is past."""
        told = self.headers.get("Retry-After", "").strip()
        if re.fullmatch("[0-9]+", told):
            return min(float(told), LONGEST_RETRY_AFTER_S)
        try:
            moment = email.utils.parsedate_to_datetime(told) if told[:1].isalpha() else None
            if moment is None:
                return None
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone.utc)
            left_s = moment.timestamp() - time.time()
        except (ValueError, TypeError, LookupError, OverflowError):
            return None
        return min(left_s, LONGEST_RETRY_AFTER_S) if left_s > 0 else None
