from django import template
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from kyc_review.accounts.models import User
from kyc_review.insights.permissions import may_read_audit, may_see_insights

register = template.Library()


@register.filter
def sees_insights(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Whether the navigation offers the dashboard and the search to this viewer."""
    return isinstance(user, User) and may_see_insights(user)


@register.filter
def reads_audit(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    return isinstance(user, User) and may_read_audit(user)


@register.filter
def seconds(milliseconds: float | None) -> str:
    """12400 -> "12.4 s"; nothing measured: a dash."""
    return "-" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


@register.simple_tag
def share(part: int, whole: int) -> str:
    """ "12.5 %"; of nothing: a dash."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


@register.filter
def sentence(action: str) -> str:
    """ "item.claim_expired" -> "Item claim expired"."""
    return action.replace(".", " ").replace("_", " ").capitalize()
