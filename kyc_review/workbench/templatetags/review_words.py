"""Short words for durations, for lists that are scanned rather than read."""

import datetime as dt
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from kyc_review.core.permissions import may_oversee

register = template.Library()


@register.filter
def oversees(user: Any) -> bool:
    """Whether the person is a senior. For the bar, which strangers see too."""
    return bool(user.is_authenticated and may_oversee(user))


@register.filter
def age(moment: dt.datetime) -> str:
    """Time since `moment`: "12 s", "3 min", "2 h 5 min", "4 d"."""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


@register.filter
def rough_age(moment: dt.datetime) -> str:
    """Time since `moment` in whole hours, for blind items: minutes would tell which of them came together."""
    hours = max(0, int((timezone.now() - moment).total_seconds())) // 3600
    if not hours:
        return gettext("under 1 h")
    if hours < 24:
        return gettext("over %(hours)s h") % {"hours": hours}
    return gettext("over %(days)s d") % {"days": hours // 24}


@register.filter
def lateness(moment: dt.datetime, sla_s: int) -> str:
    """A class for how long something waits: "late" past the limit, "soon-late" from four fifths of it on."""
    waited = (timezone.now() - moment).total_seconds()
    if waited >= sla_s:
        return "late"
    return "soon-late" if waited >= 0.8 * sla_s else ""


@register.filter
def coded(text: str) -> SafeString:
    """What stands between backticks as code: "`errors` names it" -> <code>errors</code> names it."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in parts)
    )


@register.filter
def clock(seconds: int) -> str:
    """Minutes and seconds: 600 -> "10:00"."""
    return f"{seconds // 60}:{seconds % 60:02d}"


@register.filter
def percent(fraction: float) -> str:
    """An SVG length on a scale of 0..1: 0.25 -> "25.00%"."""
    return f"{fraction * 100:.2f}%"


@register.filter
def whole_percent(fraction: float) -> str:
    """0.987 -> "99 %"."""
    return f"{fraction * 100:.0f} %"
