"""Requests of integrations: a form or JSON, one submission or fifty."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.fields import empty

from detection.decoding import ACCEPTED
from kyc_review.core.fields import MomentField, OneOfField
from kyc_review.core.parsers import parsed
from kyc_review.core.serializers import ReferenceField, ReferenceFilterField, StrictSerializer
from kyc_review.submissions.models import LateOutcome, Result, State

METADATA_MAX_CHARS = 8_000
METADATA_FILTER_MAX_CHARS = 1_000
METADATA_FILTER_NAMES_MAX = 5
BATCH_MAX = 50
IMAGE_HELP = (
    f"{ACCEPTED}, at most {settings.UPLOAD_MAX_BYTES / 1e6:g} MB and "
    f"{settings.UPLOAD_MAX_PIXELS / 1e6:g} megapixels; of several pictures in one file, the first counts"
)
REFERENCE_HELP = (
    "A picture of the same person to compare the selfie with, such as the portrait of the document; the rules for "
    "`image` apply. Reviewers see it; it is never scored, and models never learn from it"
)


NO_OBJECT = 'Send a JSON object, for example {"branch": "12"}.'
NO_FILE = (
    "This is text and no file. Send a file part of the form; with curl -F image=@selfie.jpg, with the @."
)


def object_of(text: str) -> dict[str, Any]:
    """The JSON object that a text is. Raises ValidationError."""
    try:
        return storable(parsed(text))
    except ParseError as refused:
        raise serializers.ValidationError(f"{refused.detail} {NO_OBJECT}") from None


def storable(value: Any) -> dict[str, Any]:
    """A JSON object that Postgres can keep. Raises ValidationError."""
    if not isinstance(value, dict):
        raise serializers.ValidationError(NO_OBJECT)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)  # no NaN
        text.encode()  # no half characters
    except (ValueError, RecursionError):
        raise serializers.ValidationError("This is not JSON that can be stored.") from None
    if len(text) > METADATA_MAX_CHARS:
        raise serializers.ValidationError(f"At most {METADATA_MAX_CHARS} characters.")
    if any("\0" in part for part in _texts(value)):
        raise serializers.ValidationError("The character U+0000 cannot be stored.")
    return value


def _texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def decoded(value: str) -> bytes:
    """The bytes of base64. Raises ValidationError."""
    try:
        # Encoders for e-mail and Android's default break lines.
        return base64.b64decode(b"".join(value.encode("ascii").split()), validate=True)
    except (binascii.Error, ValueError):
        raise serializers.ValidationError(
            "This is not base64: the standard alphabet, padded, without a data: prefix."
        ) from None


class References(StrictSerializer):
    external_ref = ReferenceField(max_length=200, help_text="Your reference for this submission.")
    applicant_ref = ReferenceField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Your opaque reference for the person; do not use names.",
    )


class SubmissionForm(References):
    """The multipart form of a new submission."""

    image = serializers.FileField(
        help_text=f"{IMAGE_HELP}.",
        allow_empty_file=True,  # refused with a better reason by the decoder
        error_messages={"invalid": NO_FILE},
    )
    reference_image = serializers.FileField(
        required=False,
        help_text=f"{REFERENCE_HELP}.",
        allow_empty_file=True,
        error_messages={"invalid": NO_FILE.replace("image=", "reference_image=")},
    )
    metadata = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text=f"A JSON object of your own, at most {METADATA_MAX_CHARS} characters.",
    )

    def validate_metadata(self, value: str) -> dict[str, Any]:
        if not value:
            return {}
        if len(value) > METADATA_MAX_CHARS:
            raise serializers.ValidationError(f"At most {METADATA_MAX_CHARS} characters.")
        return object_of(value)


class SubmissionJson(References):
    """A new submission as JSON."""

    image = serializers.CharField(
        trim_whitespace=False,
        help_text=f"{IMAGE_HELP}; its bytes in base64.",
        max_length=settings.JSON_MAX_BYTES,
    )
    reference_image = serializers.CharField(
        required=False,
        trim_whitespace=False,
        help_text=f"{REFERENCE_HELP}; its bytes in base64.",
        max_length=settings.JSON_MAX_BYTES,
    )
    metadata = serializers.DictField(
        required=False,
        default=dict,
        error_messages={"not_a_dict": NO_OBJECT.replace("{", "{{").replace("}", "}}")},  # it is formatted
        help_text=f"A JSON object of your own, at most {METADATA_MAX_CHARS} characters.",
    )

    def validate_image(self, value: str) -> bytes:
        return decoded(value)

    def validate_reference_image(self, value: str) -> bytes:
        return decoded(value)

    def validate_metadata(self, value: dict[str, Any]) -> dict[str, Any]:
        return storable(value)


@extend_schema_field(SubmissionJson)
class _Entry(serializers.DictField):
    """Documented as a submission. Anything else is passed on, because each entry is accepted or refused by itself."""

    def run_validation(self, data: Any = empty) -> Any:
        return data


class BatchIn(StrictSerializer):
    """Up to fifty new submissions; each is accepted or refused by itself."""

    submissions = serializers.ListField(
        child=_Entry(), min_length=1, max_length=BATCH_MAX, help_text="See the single create."
    )


class ListIn(serializers.Serializer):
    """Which submissions to list."""

    status = OneOfField(State.choices, required=False)
    result = OneOfField(Result.choices, required=False)
    external_ref = ReferenceFilterField(required=False)
    applicant_ref = ReferenceFilterField(required=False)
    metadata = serializers.CharField(
        required=False,
        max_length=METADATA_FILTER_MAX_CHARS,
        help_text=f"""A JSON object such as `{{"branch": "12"}}`: submissions whose metadata has each of its up to
{METADATA_FILTER_NAMES_MAX} names at the top level, with exactly this text, number, true or false.""",
    )
    received_from = MomentField(required=False, help_text="At or after this time.")
    received_before = MomentField(required=False, help_text="Before this time.")
    completed_from = MomentField(required=False, help_text="With a result at or after this time.")
    completed_before = MomentField(required=False, help_text="With a result before this time.")
    after = serializers.UUIDField(required=False, help_text="`next` of the previous page.")
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)

    def validate_metadata(self, value: str) -> dict[str, Any]:
        wanted = object_of(value)
        if not 1 <= len(wanted) <= METADATA_FILTER_NAMES_MAX:
            raise serializers.ValidationError(f"Send 1 to {METADATA_FILTER_NAMES_MAX} names.")
        if not all(isinstance(one, str | int | float) for one in wanted.values()):
            raise serializers.ValidationError("Each value is a text, a number, true or false.")
        return wanted


class LateOutcomeIn(StrictSerializer):
    """The later outcome of an applicant."""

    outcome = OneOfField(LateOutcome.Finding.choices)
    note = serializers.CharField(
        max_length=500, required=False, allow_blank=True, default="", help_text="No names, please."
    )
