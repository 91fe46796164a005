"""A template filter for stored texts, available in every template."""

from __future__ import annotations

from django import template

from kyc_review.core import stored_texts

register = template.Library()


@register.filter
def shown(text: object) -> str:
    """A text that is kept in English, in the reader's language (`core.stored_texts`)."""
    return stored_texts.shown(str(text)) if text else ""
