"""What request serializers share: unknown fields are refused, and null means left out where a field is optional."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

UNKNOWN = "There is no such field. The fields are {}."
LOST_TEXT = "Send text as UTF-8: in another encoding characters are lost, and two references become one."
# What Django puts in the place of bytes of a form that are not UTF-8.
REPLACEMENT = "\ufffd"
# The joiners that Arabic, Persian and Indic scripts need.
JOINERS = "\u200c\u200d"
FILTER_MAX_CHARS = 800  # 200 characters of a stored reference, each one as a letter and its accents


class StrictSerializer(serializers.Serializer):
    """A misspelt field that is ignored would be lost without a word, so it is refused with its name.

    Serialisers of .NET and Java send null for what is not set: for an optional field that is the same as leaving it
    out.
    """

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            return dict(super().to_internal_value(data))  # which refuses it
        if isinstance(data, QueryDict):
            _refuse_lost_text(data)
        unknown = {
            str(name): [UNKNOWN.format(", ".join(self.fields))] for name in data if name not in self.fields
        }
        given = data
        if any(data[name] is None for name in data):
            given = {name: value for name, value in data.items() if not self._is_left_out(name, value)}
        try:
            value: dict[str, Any] = super().to_internal_value(given)
        except serializers.ValidationError as refused:
            details = refused.detail if isinstance(refused.detail, dict) else {}
            raise serializers.ValidationError({**details, **unknown}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _is_left_out(self, name: str, value: Any) -> bool:
        field = self.fields.get(name)
        return value is None and field is not None and not field.required and not field.allow_null


def _refuse_lost_text(form: QueryDict) -> None:
    """Raises ValidationError for text of a form that was not UTF-8."""
    lost = {
        name: [LOST_TEXT] for name, value in form.items() if isinstance(value, str) and REPLACEMENT in value
    }
    if lost:
        raise serializers.ValidationError(lost)


class ReferenceField(serializers.CharField):
    """A reference of the caller's system: in the normal form NFC, so that two spellings of one text are one reference.

    Characters that are invisible or change the direction of reading are refused: a person would see another reference
    than the program compares.
    """

    def to_internal_value(self, data: Any) -> str:
        text = unicodedata.normalize("NFC", str(super().to_internal_value(data)))
        for character in text:
            if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in JOINERS:
                raise serializers.ValidationError(
                    f"The character U+{ord(character):04X} is invisible or changes the direction of reading. "
                    "Send the reference without it."
                )
        return text


class ReferenceFilterField(serializers.CharField):
    """A reference to search for, as it was sent: any character may be in one that was stored before they were refused.

    Compare with `reference_spellings`.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(max_length=FILTER_MAX_CHARS, **more)


def reference_spellings(text: str) -> list[str]:
    """How the reference may be stored: in the normal form NFC, or, before that was the rule, as it was sent."""
    return sorted({text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)})
