import json
from typing import Any

from django.conf import settings
from rest_framework import serializers

from kyc_review.submissions.models import Result, State, Submission

METADATA_MAX_CHARS = 8_000


class SubmissionIn(serializers.Serializer):
    """The multipart form of a new submission."""

    image = serializers.FileField(
        help_text="JPEG, PNG or WebP, one frame, "
        f"at most {settings.UPLOAD_MAX_BYTES // 1_000_000} MB and 50 megapixels.",
        allow_empty_file=True,  # refused with a better reason by the decoder
    )
    external_ref = serializers.CharField(max_length=200, help_text="Your reference for this submission.")
    applicant_ref = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        default="",
        help_text="Your opaque reference for the person; no name, please.",
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
        try:
            parsed = json.loads(value)
            json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()  # no NaN, no half characters
        except (ValueError, RecursionError):
            raise serializers.ValidationError("This is not JSON that can be stored.") from None
        if not isinstance(parsed, dict):
            raise serializers.ValidationError('Send a JSON object, for example {"branch": "12"}.')
        if "\\u0000" in value:
            raise serializers.ValidationError("The character U+0000 cannot be stored.")
        return parsed


class SubmissionOut(serializers.ModelSerializer[Submission]):
    status = serializers.ChoiceField(choices=State.choices, source="state", read_only=True)
    result = serializers.ChoiceField(
        choices=Result.choices, allow_null=True, read_only=True, help_text="Null until status is `completed`."
    )

    class Meta:
        model = Submission
        fields = (
            "id",
            "external_ref",
            "applicant_ref",
            "metadata",
            "status",
            "result",
            "sha256",
            "received_at",
            "completed_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["result"] = shown["result"] or None
        return shown


class ProblemOut(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    # The name is the RFC's; a serializer's own `errors` is not asked for, nothing is validated with this one.
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(), required=False
    )
