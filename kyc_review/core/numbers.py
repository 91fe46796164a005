"""Numbers in texts: with the decimal sign and the grouping of the reader's language."""

from __future__ import annotations

from django.utils import formats
from django.utils.translation import get_language

ENGLISH = "en"


def number(value: float, form: str = ",") -> str:
    """`format(value, form)` in the reader's language: 1234.5 with ",.1f" is "1,234.5", in German "1.234,5"."""
    return in_readers_notation(format(value, form))


def percentage(share: float, digits: int = 1) -> str:
    """A share from 0 to 1: "12.5 %"."""
    return f"{number(100 * share, f'.{digits}f')} %"


def in_readers_notation(text: str) -> str:
    """A number as Python writes it, with the signs of the reader's language; "12.5%" becomes "12,5 %" in German."""
    if (get_language() or ENGLISH).startswith(ENGLISH):
        return text
    signs = {",": formats.get_format("THOUSAND_SEPARATOR"), ".": formats.get_format("DECIMAL_SEPARATOR")}
    return text.translate(str.maketrans(signs | {"%": " %"}))
