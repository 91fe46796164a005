"""The formats of requests and answers. A module of its own: the settings name it, so it loads before any view."""

import codecs
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import IO, Any

from django.conf import settings
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils import json
from rest_framework.utils.mediatypes import media_type_matches

SHOWN_NAME_CHARS = 100


class JSONParser(parsers.JSONParser):
    """DRF's parser, with a limit on nesting, and without objects that give a name twice."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = codecs.getreader(encoding)(stream).read()
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None
        return parsed(text)


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises ParseError, also for what would not come back as it was sent."""
    try:
        return json.loads(
            text,
            parse_constant=json.strict_constant,
            parse_float=_exact_float,
            object_pairs_hook=_unambiguous,
        )
    except RecursionError:
        raise ParseError("The JSON is nested too deeply.") from None
    except ValueError as error:
        raise ParseError(f"JSON parse error - {error}") from None


def _exact_float(text: str) -> float:
    """Raises ParseError for a number of which a double keeps only a part."""
    value = float(text)
    if not math.isfinite(value) or Decimal(repr(value)) != Decimal(text):
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
