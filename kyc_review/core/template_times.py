"""Template filters for times, available in every template: in the active zone, with its name."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kyc_review.core import days

register = template.Library()


@register.filter
def at(moment: dt.datetime | None, precision: str = "minutes") -> SafeString | str:
    """A `<time>` with its zone, to the minute or to "seconds"; nothing for no time."""
    if not moment:
        return ""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        timezone.get_current_timezone_name(),
        days.moment_in_words(moment, has_seconds=precision == "seconds"),
    )


@register.filter
def epoch(moment: dt.date) -> int:
    """Seconds since 1970 of a moment, or of a day's first."""
    begin = moment if isinstance(moment, dt.datetime) else days.begin_of(moment)
    return int(begin.timestamp())


@register.filter
def hours_of_week(begin: dt.datetime) -> int:
    return days.hours_of_week(begin)
