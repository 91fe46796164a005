"""Texts that scripts show. The page carries their translations as data, since its policy allows no inline script."""

from django import template
from django.conf import settings
from django.utils import translation
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop

register = template.Library()

# Each is the first argument of a `gettext` of static/js/texts.js somewhere in static/js; a test compares the two.
SCRIPT_TEXTS = (
    gettext_noop("%(title)s; the table below has the numbers"),
    gettext_noop("Your claim ends in one minute."),
    gettext_noop("%(minutes)s minutes without a break. A few minutes away help more than a few more faces."),
)


@register.simple_tag
def script_texts() -> SafeString | str:
    """`{text: translation}` for static/js/texts.js; nothing in English."""
    if translation.get_language() == settings.LANGUAGE_CODE:
        return ""
    return json_script({text: gettext(text) for text in SCRIPT_TEXTS}, "texts")
