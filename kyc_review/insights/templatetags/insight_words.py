import re
from collections.abc import Mapping
from typing import Any

from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.utils.html import format_html
from django.utils.translation import gettext

from detection.voting import Verdict
from estimation.intervals import Rate
from kyc_review.accounts.models import AdminRequest, User
from kyc_review.core.numbers import in_readers_notation, number, percentage, upper_bound
from kyc_review.core.permissions import Role, may_read_audit_log, may_see_insights
from kyc_review.insights import action_words as actions
from kyc_review.insights import submission_words
from kyc_review.review.audit_results import Audited
from kyc_review.review.corrections import correction_state
from kyc_review.review.models import Decision
from kyc_review.submissions.models import State

register = template.Library()

# Values of details that have words, by the name of the field.
ROLES = {role.value: role.label for role in Role}
WORDS: dict[str, Mapping[Any, object]] = {
    "state": submission_words.STATES,
    "verdict": submission_words.VERDICTS,
    "reason": submission_words.REASONS,
    "role": ROLES,
    "before": ROLES,
    "after": ROLES,
    "act": dict(AdminRequest.Act.choices),
}
HASH = re.compile(r"[0-9a-f]{64}")


@register.filter
def sees_insights(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the dashboard and the search to this viewer."""
    return isinstance(user, User) and may_see_insights(user)


@register.filter
def reads_audit(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    return isinstance(user, User) and may_read_audit_log(user)


@register.filter
def is_auditor(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Auditors have an entry for records of their own; admins, whose bar is full, reach them from the audit log."""
    return isinstance(user, User) and user.has_role("auditor")


@register.filter
def seconds(milliseconds: float | None) -> str:
    """12400 -> "12.4 s"; nothing measured: a dash."""
    return "\u2013" if milliseconds is None else f"{number(milliseconds / 1000, '.1f')} s"


@register.simple_tag
def share(part: float, whole: float) -> str:
    """ "12.5 %"; of nothing: a dash."""
    return percentage(part / whole) if whole else "\u2013"


@register.simple_tag
def out_of(part: float, whole: float) -> str:
    """ "(3 of 24)", next to a share; of nothing: nothing."""
    if not whole:
        return ""
    words = gettext("(%(part)s of %(whole)s)") % {"part": number(part), "whole": number(whole)}
    return format_html('<span class="soft small">{}</span>', words)


@register.simple_tag
def percent(part: float, whole: float) -> str:
    """ "12.50", for a plot to read; of nothing: nothing."""
    return f"{100 * part / whole:.2f}" if whole else ""


@register.filter
def spread(rate: Rate) -> str:
    """ "62 to 88 %", the 95 % interval."""
    low, high = rate.interval
    return gettext("%(low)s to %(high)s %%") % {"low": f"{100 * low:.0f}", "high": f"{100 * high:.0f}"}


@register.filter
def action_words(action: str) -> str:
    """An action of the audit log in words."""
    return actions.action_words(action)


@register.filter
def state_words(state: str) -> str:
    return str(submission_words.STATES[State(state)])


@register.filter
def verdict_words(verdict: str) -> str:
    return str(submission_words.VERDICTS[Verdict(verdict)])


@register.filter
def result_reason_words(code: str) -> str:
    """Why a submission has its result; a code of later versions as it is."""
    return str(submission_words.REASONS.get(code) or code.replace("_", " "))


@register.filter
def event_details(detail: dict[str, object]) -> str:
    """The details of an event for a list: without empty values, hashes shortened to 12 characters."""
    texts = {
        name.replace("_", " "): text
        for name, value in detail.items()
        if (text := _as_text(value, words=WORDS.get(name)))
    }
    return " · ".join(
        f"{name}: {text[:12] if HASH.fullmatch(text) else text}" for name, text in texts.items()
    )


def _as_text(value: object, *, words: Mapping[Any, object] | None = None) -> str:
    """Empty for what is empty or has empty parts only. `words` are those of known values, by code."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict):
        texts = {name: _as_text(one, words=WORDS.get(name)) for name, one in value.items()}
        return ", ".join(f"{name} {text}".replace("_", " ") for name, text in texts.items() if text)
    if isinstance(value, list):
        return ", ".join(filter(None, (_as_text(one, words=words) for one in value)))
    return str((words or {}).get(str(value), value))


@register.filter
def kind(target_kind: str) -> str:
    """The subject of an event in words: "reviewitem" -> "item"."""
    return str(submission_words.TARGETS.get(target_kind, target_kind))


@register.filter
def certified(found: Audited) -> str:
    """ "0 found in 640: at most 0.5 %"."""
    if not found.judged:
        return gettext("None judged yet")
    values = {
        "fake": found.fake,
        "judged": found.judged,
        "most": in_readers_notation(upper_bound(found.bound)),
    }
    return gettext("%(fake)s found in %(judged)s: at most %(most)s %%") % values


@register.filter
def at_most(bound: float) -> str:
    """An upper bound from 0 to 1: "76 %"."""
    return f"{in_readers_notation(upper_bound(bound))} %"


@register.filter
def turned_out(rate: Rate) -> str:
    """ "2 of 40: 5.0 % (1.4 to 16.5 %)"."""
    if rate.value is None:
        return gettext("none reported")
    low, high = (number(100 * bound, ".1f") for bound in rate.interval)
    values = {"right": rate.right, "total": rate.total, "share": percentage(rate.value)}
    return gettext("%(right)s of %(total)s: %(share)s (%(low)s to %(high)s %%)") % (
        values | {"low": low, "high": high}
    )


@register.filter
def correction_words(correction: Decision) -> str:
    """What became of a decision that corrects another; empty where it took effect at once."""
    return str(correction_state(correction).label)
