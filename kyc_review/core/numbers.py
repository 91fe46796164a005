"""Numbers in texts: with the decimal sign and the grouping of the reader's language."""

from __future__ import annotations

import math

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


def upper_bound(share: float) -> str:
    """A bound from 0 to 1 in percent, without its sign, with two significant figures and rounded up: a bound must not
    shrink on its way to the reader. In English notation: 0.0541 is "5.5"."""
    percent, digits = _in_percent(share)
    return f"{min(100.0, math.ceil(percent * 10**digits) / 10**digits):.{digits}f}"


def lower_bound(share: float) -> str:
    """As `upper_bound`, rounded down."""
    percent, digits = _in_percent(share)
    return f"{math.floor(percent * 10**digits) / 10**digits:.{digits}f}"


def _in_percent(share: float) -> tuple[float, int]:
    """The percent, without what floating point adds far behind the point, and how many digits behind it to show."""
    percent = round(100 * share, 9)
    return percent, max(0, 1 - math.floor(math.log10(percent))) if percent > 0 else 0
