"""English texts that rows, signed archives and API answers keep, and that pages show in the reader's language.

Code that writes such a text fills a template that `stored` registered. A page passes the text to `shown`, which finds
the template again and fills in its translation. So what is stored never depends on who caused it.
"""

from __future__ import annotations

import re

from django.utils.translation import get_language, gettext

from kyc_review.core.numbers import ENGLISH, in_readers_notation

PLACE = re.compile(r"%\((\w+)\)s")
NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?%?")
# What people or files are called is never a number or a text of ours, though it may look like one ("1.2").
NAMES = {"person", "proposer", "version", "file", "host", "submission"}
SENTENCE_END = re.compile(r"(?<=[.!?;]) ")

_patterns: dict[str, re.Pattern[str]] = {}


def stored(template: str) -> str:
    """Registers a template and returns it; `gettext_noop` marks it for translators.

    Its places are `%(name)s`; a template with a place writes a percent sign as `%%`.
    """
    pattern = ""
    at = 0
    for place in PLACE.finditer(template):
        pattern += re.escape(template[at : place.start()].replace("%%", "%")) + f"(?P<{place[1]}>.+?)"
        at = place.end()
    rest = template[at:].replace("%%", "%") if at else template
    _patterns[template] = re.compile(pattern + re.escape(rest), re.DOTALL)
    return template


def templates() -> list[str]:
    """Every registered template, those with the most fixed text first, because they say most exactly what a text is."""
    return sorted(_patterns, key=lambda template: len(PLACE.sub("", template)), reverse=True)


def shown(text: str) -> str:
    """A stored text in the reader's language; a sentence that no template made stays as it is."""
    if not text or (get_language() or ENGLISH).startswith(ENGLISH):
        return text
    # Sentence by sentence first: a template's last place would take in the sentences that follow.
    sentences = SENTENCE_END.split(text)
    translated = [_translated(sentence) for sentence in sentences]
    if None in translated and (whole := _translated(text)) is not None:
        return whole
    return " ".join(new or old for new, old in zip(translated, sentences, strict=True))


def shown_part(text: str) -> str:
    """A sentence, a name or a number from within a stored text."""
    if NUMBER.fullmatch(text):
        return in_readers_notation(text)
    found = _translated(text)
    return text if found is None else found


def _translated(text: str) -> str | None:
    for template in templates():
        match = _patterns[template].fullmatch(text)
        if match is None:
            continue
        values = {
            name: value if name in NAMES else shown_part(value) for name, value in match.groupdict().items()
        }
        return gettext(template) % values if values else gettext(template)
    return None
