"""Reading what integrations send; in a file of its own, for the settings name it and so it loads before any view."""

import codecs
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.utils import json

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
            return json.loads(text, parse_constant=json.strict_constant, object_pairs_hook=_unambiguous)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one name, parsers choose differently (RFC 8259, section 4): raises ParseError instead."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ParseError(f"The JSON gives {twice[:SHOWN_NAME_CHARS]!r} more than once. Send each name once.")
    return found
