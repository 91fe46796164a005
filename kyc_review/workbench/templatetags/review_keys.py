"""A person's keys and settings as attributes of <body>, where static/js/keys.js and the viewer read them."""

import json

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kyc_review.review.shortcuts import keys_of

register = template.Library()


@register.filter
def key_cap(key: str) -> str:
    """How a key is printed: "b" -> "B", "B" (with Shift) -> "⇧B", "Enter" -> "Enter"."""
    if len(key) != 1:
        return key
    return f"⇧{key}" if key.isupper() else key.upper()


@register.simple_tag(takes_context=True)
def key_attributes(context: template.RequestContext) -> SafeString | str:
    user = getattr(context.get("request"), "user", None)
    if user is None or not user.is_authenticated:
        return ""
    choice = keys_of(user)
    attributes = (
        format_html(' data-keys="{}"', json.dumps(choice.chosen)) if choice.chosen else SafeString("")
    )
    attributes = format_html("{} data-keeps-zoom", attributes) if choice.keeps_zoom else attributes
    return attributes if choice.is_on else format_html("{} data-keys-off", attributes)
