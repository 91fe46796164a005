"""Words about people."""

from django import template

from kyc_review.core.permissions import Role

register = template.Library()


@register.filter
def role_name(name: str | None) -> str:
    """The name of a role (of its group) in the reader's language; empty for none."""
    return str(Role(name).label) if name and name in Role else name or ""
