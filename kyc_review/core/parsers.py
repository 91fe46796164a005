"""The formats of requests and answers. A module of its own: the settings name it, so it loads before any view."""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils import json
from rest_framework.utils.mediatypes import media_type_matches

SHOWN_NAME_CHARS = 100
# Of objects and lists in each other. Python's own limit depends on how deep the call is.
DEPTH_MAX = 100
TOO_DEEP = f"The JSON is nested too deeply: at most {DEPTH_MAX} objects and lists in each other."
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JSONParser(parsers.BaseParser):
    """JSON in UTF-8, with a limit on nesting, and without what would not come back as it was sent.

    No subclass of DRF's parser: of those DRF reads the body by itself, with Django's limit of 2.5 MB for requests
    without pictures. The limit of bytes here is `core.api.refuse_large`.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode()
        except ValueError as error:
            raise ParseError(f"This is not JSON: {error}.") from None
        return parsed(text)


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises ParseError, also for what would not come back as it was sent."""
    try:
        value = json.loads(
            text,
            parse_constant=json.strict_constant,
            parse_float=_exact_float,
            object_pairs_hook=_unambiguous,
        )
    except RecursionError:
        raise ParseError(TOO_DEEP) from None
    except ValueError as error:
        raise ParseError(f"This is not JSON: {error}.") from None
    if text.count("{") + text.count("[") > DEPTH_MAX:
        _refuse_deep(value)
    if SURROGATE.search(text):
        _refuse_surrogates(value)
    return value


def _refuse_deep(value: Any) -> None:
    level, depth = [value], 0
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
        if depth > DEPTH_MAX:
            raise ParseError(TOO_DEEP)


def _refuse_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ParseError(
            "The JSON has half of a surrogate pair (\\ud800 to \\udfff), which is no character. Send both halves, or "
            "leave it out."
        ) from None


def _exact_float(text: str) -> float:
    """Raises ParseError for a number of which a double keeps only a part."""
    value = float(text)
    try:
        is_exact = math.isfinite(value) and Decimal(repr(value)) == Decimal(text)
    except ArithmeticError:  # an exponent that Decimal has not
        is_exact = False
    if not is_exact:
        raise ParseError(
            f"The number {text[:SHOWN_NAME_CHARS]} has more digits than can be kept. Send it as a string."
        )
    return value


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one name, parsers choose differently (RFC 8259, section 4): raises ParseError instead."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ParseError(f"The JSON gives {twice[:SHOWN_NAME_CHARS]!r} more than once. Send each name once.")
    return found


class JsonOnly(BaseContentNegotiation):
    """The API has one format, so `Accept` changes nothing; generated clients ask for problem documents, or text."""

    def select_parser(
        self, request: Request, parsers: Iterable[parsers.BaseParser]
    ) -> parsers.BaseParser | None:
        return next(
            (one for one in parsers if media_type_matches(one.media_type, request.content_type)), None
        )

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)
