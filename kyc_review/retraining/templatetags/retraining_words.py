from datetime import datetime, timedelta
from typing import Any

from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.urls import ResolverMatch, reverse
from django.utils.html import format_html

from kyc_review.accounts.models import User
from kyc_review.core.permissions import may_promote, may_see_retraining
from kyc_review.retraining.operating_points import thresholds_in_words
from kyc_review.retraining.presenters import percent
from kyc_review.training.waiting import waiting_count

register = template.Library()


@register.filter
def sees_retraining(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the page to this viewer."""
    return isinstance(user, User) and may_see_retraining(user)


@register.filter
def is_in_loop(match: ResolverMatch | None) -> bool:
    """Whether the page is one of retraining or of a model; not the start page, which has its own link."""
    return match is not None and match.namespace in ("retraining", "registry") and match.url_name != "waiting"


@register.filter
def is_waited_for(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether proposals and alarms wait for this viewer's role."""
    return isinstance(user, User) and may_promote(user)


@register.filter
def waiting_number(user: AbstractBaseUser | AnonymousUser | None) -> int:
    """How much waits for this viewer on the page of retraining; 0 for none."""
    return waiting_count(viewer=user) if isinstance(user, User) else 0


@register.simple_tag(takes_context=True)
def model_link(context: dict[str, Any], version: str, digest: str) -> str:
    """The version, as a link to the model's page for those who may see it."""
    request = context.get("request")
    if not digest or request is None or not sees_retraining(request.user):
        return version
    return format_html('<a href="{}">{}</a>', reverse("registry:model", args=[digest]), version)


@register.filter
def thresholds_words(shift: float) -> str:
    """The operating point of a bundle: "thresholds raised by 0.3"."""
    return thresholds_in_words(shift)


@register.filter
def as_percent(estimate: Any) -> str:
    """An estimate from 0 to 1 with its interval: "97 % (95 to 99)"; empty without one."""
    return percent(estimate)


@register.filter
def took_since(end: datetime, begin: datetime) -> str:
    """How long something took: "45 s"."""
    return duration(end - begin)


@register.filter
def duration(took: timedelta) -> str:
    """ "1 h 04 min", "3 min 20 s", "45 s"."""
    seconds = max(0, round(took.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
