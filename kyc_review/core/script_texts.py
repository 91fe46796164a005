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
    gettext_noop("%(minutes)s minutes without a break. A few minutes away help more than a few more faces."),
    gettext_noop("%(title)s; the table below has the numbers"),
    gettext_noop("Blink"),
    gettext_noop("Close"),
    gettext_noop("Difference"),
    gettext_noop("Difference to %(title)s"),
    gettext_noop("Gain"),
    gettext_noop("Gain of %(view)s"),
    gettext_noop("No connection. Try again in a moment."),
    gettext_noop("Not applicable: %(reason)s"),
    gettext_noop("Opacity of %(view)s"),
    gettext_noop("Photograph"),
    gettext_noop("Quality of the comparison"),
    gettext_noop("Reason: %(words)s"),
    gettext_noop("Show it anyway"),
    gettext_noop("Show the photograph here in turn"),
    gettext_noop("Something failed (%(status)s). Load the page again to see where things stand."),
    gettext_noop("The image is not shown yet; look before you decide."),
    gettext_noop("This is not allowed."),
    gettext_noop("This photograph"),
    gettext_noop("This view could not be loaded."),
    gettext_noop("Up to %(number)s regions can be marked."),
    gettext_noop("What differs between the two, brightened"),
    gettext_noop("Your claim ends in one minute."),
    gettext_noop("quality %(quality)s"),
    gettext_noop("shown at %(share)s %"),
    gettext_noop("Browsers use passkeys over HTTPS only, and this page came without it."),
    gettext_noop("This browser cannot use passkeys. Update it, or use another one."),
    gettext_noop(
        "The browser uses no passkeys of this installation at this address. Ask the operator for PUBLIC_URL."
    ),
    gettext_noop(
        "This device cannot make a passkey that asks for PIN, fingerprint or face. Use another one."
    ),
    gettext_noop("No passkey was made: it was cancelled, or took too long."),
    gettext_noop(
        "No passkey was used: it was cancelled, took too long, or this device has none of your account."
    ),
    gettext_noop("Your login took too long. Load the page again."),
    gettext_noop("The browser refused the passkey (%(name)s). Try again."),
    gettext_noop("This device has a passkey for your account already."),
)


@register.simple_tag
def script_texts() -> SafeString | str:
    """`{text: translation}` for static/js/texts.js; nothing in English."""
    if translation.get_language() == settings.LANGUAGE_CODE:
        return ""
    return json_script({text: gettext(text) for text in SCRIPT_TEXTS}, "texts")
