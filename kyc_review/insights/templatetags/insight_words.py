import math
import re

from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.utils.html import format_html

from estimation.intervals import Rate
from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_read_audit_log, may_see_insights
from kyc_review.review.audit_results import Audited
from kyc_review.review.corrections import correction_state
from kyc_review.review.models import Decision

register = template.Library()

HASH = re.compile(r"[0-9a-f]{64}")


@register.filter
def sees_insights(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the dashboard and the search to this viewer."""
    return isinstance(user, User) and may_see_insights(user)


@register.filter
def reads_audit(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    return isinstance(user, User) and may_read_audit_log(user)


@register.filter
def seconds(milliseconds: float | None) -> str:
    """12400 -> "12.4 s"; nothing measured: a dash."""
    return "\u2013" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


@register.simple_tag
def share(part: float, whole: float) -> str:
    """ "12.5 %"; of nothing: a dash."""
    return f"{100 * part / whole:.1f} %" if whole else "\u2013"


@register.simple_tag
def out_of(part: float, whole: float) -> str:
    """ "(3 of 24)", next to a share; of nothing: nothing."""
    return (
        format_html('<span class="soft small">({} of {})</span>', f"{part:,}", f"{whole:,}") if whole else ""
    )


@register.simple_tag
def percent(part: float, whole: float) -> str:
    """ "12.50", for a plot to read; of nothing: nothing."""
    return f"{100 * part / whole:.2f}" if whole else ""


@register.filter
def spread(rate: Rate) -> str:
    """ "62 to 88 %", the 95 % interval."""
    low, high = rate.interval
    return f"{100 * low:.0f} to {100 * high:.0f} %"


@register.filter
def sentence(action: str) -> str:
    """ "item.claim_expired" -> "Item claim expired"."""
    return action.replace(".", " ").replace("_", " ").capitalize()


@register.filter
def event_details(detail: dict[str, object]) -> str:
    """The details of an event for a list: without empty values, hashes shortened to 12 characters."""
    texts = {
        name.replace("_", " "): _as_text(value)
        for name, value in detail.items()
        if value not in ("", None, [], {})
    }
    return " · ".join(
        f"{name}: {text[:12] if HASH.fullmatch(text) else text}" for name, text in texts.items()
    )


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_as_text(one)}".replace("_", " ") for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_as_text, value))
    return str(value)


@register.filter
def kind(target_kind: str) -> str:
    """The subject of an event in words: "reviewitem" -> "item"."""
    return {"reviewitem": "item", "apikey": "key"}.get(target_kind, target_kind)


@register.filter
def certified(found: Audited) -> str:
    """ "0 found in 640: at most 0.5 %"."""
    if not found.judged:
        return "None judged yet"
    return f"{found.fake} found in {found.judged}: at most {_ceiling(found.bound)} %"


@register.filter
def turned_out(rate: Rate) -> str:
    """ "2 of 40: 5.0 % (1.4 to 16.5 %)"."""
    if rate.value is None:
        return "none reported"
    low, high = (100 * bound for bound in rate.interval)
    return f"{rate.right} of {rate.total}: {100 * rate.value:.1f} % ({low:.1f} to {high:.1f} %)"


def _ceiling(fraction: float) -> str:
    """Percent with two significant figures, rounded up: a bound must not shrink on its way to the page."""
    percent = 100 * fraction
    digits = max(0, 1 - math.floor(math.log10(percent)))
    return f"{min(100.0, math.ceil(percent * 10**digits) / 10**digits):.{digits}f}"


@register.filter
def correction_words(correction: Decision) -> str:
    """What became of a decision that corrects another; empty where it took effect at once."""
    return str(correction_state(correction).label)
