"""Template filters for texts, available in every template."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.utils import translation

from kyc_review.core import stored_texts

register = template.Library()


@register.filter
def shown(text: object) -> str:
    """A text that is kept in English, in the reader's language (`core.stored_texts`)."""
    return stored_texts.shown(str(text)) if text else ""


@register.filter
def mid_sentence(text: object) -> str:
    """A label as it stands within a sentence: small in English, unchanged in languages whose nouns are capitalised."""
    return str(text).lower() if translation.get_language() == settings.LANGUAGE_CODE else str(text)
