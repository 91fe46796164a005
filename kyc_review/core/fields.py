"""Fields of requests that say what to send: times with a zone, days, choices, digests."""

import re
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any

from rest_framework import serializers

# RFC 3339, 5.6, which OpenAPI's `date-time` and `date` are; it allows small letters and a space.
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?(Z|z|[+-]\d\d:\d\d)", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOMENT_EXAMPLE = "such as 2026-11-27T10:00:00Z or 2026-11-27T10:00:00+01:00"
NO_MOMENT = f"Send a date, a time and a zone (RFC 3339), {MOMENT_EXAMPLE}."
LOST_PLUS = "In an address a + is read as a space: send +01:00 as %2B01:00, or send the time in UTC with a Z."
NO_DAY = "Send a day that exists as YYYY-MM-DD, such as 2026-11-27."


class MomentField(serializers.DateTimeField):
    """A moment by RFC 3339. Without a zone the same text is another moment to the caller than to the server."""

    default_error_messages = {"invalid": NO_MOMENT}

    def to_internal_value(self, value: Any) -> datetime:
        text = str(value)
        found = MOMENT.fullmatch(text)
        if found is None:
            lost = MOMENT.fullmatch("+".join(text.rsplit(" ", 1)))
            raise serializers.ValidationError(LOST_PLUS if lost else NO_MOMENT)
        day, minute, second, fraction, zone = found.groups()
        is_leap = second == "60"
        plain = f"{day}T{minute}:{'59' if is_leap else second}{(fraction or '')[:7]}{zone.upper()}"
        moment: datetime = super().to_internal_value(plain)
        return _after_leap(moment) if is_leap else moment


def _after_leap(moment: datetime) -> datetime:
    """23:59:60 UTC as the second that follows; no other minute has sixty-one seconds. Raises ValidationError."""
    utc = moment.astimezone(UTC)
    if (utc.hour, utc.minute) != (23, 59) or utc.year == MAXYEAR:
        raise serializers.ValidationError(NO_MOMENT)
    return moment + timedelta(seconds=1)


class DayField(serializers.DateField):
    """A day as YYYY-MM-DD; Python reads week dates and others, too."""

    default_error_messages = {"invalid": NO_DAY}

    def to_internal_value(self, value: Any) -> date:
        if not (isinstance(value, date) or (isinstance(value, str) and DAY.fullmatch(value))):
            raise serializers.ValidationError(NO_DAY)
        found: date = super().to_internal_value(value)
        return found


class OneOfField(serializers.ChoiceField):
    """A choice whose refusal lists the choices."""

    def __init__(self, choices: Any, **more: Any) -> None:
        super().__init__(choices, **more)
        self.error_messages["invalid_choice"] = f"Send one of {', '.join(map(str, self.choices))}."


class DigestField(serializers.RegexField):
    """A SHA-256 in hexadecimal."""

    default_error_messages = {"invalid": "Send a SHA-256: 64 hexadecimal digits in small letters."}

    def __init__(self, **more: Any) -> None:
        super().__init__(r"^[0-9a-f]{64}$", **more)
