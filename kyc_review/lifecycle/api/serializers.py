"""What an erasure or an appeal by API may say, and its answer."""

from rest_framework import serializers

from kyc_review.core.serializers import ReferenceFilterField, StrictSerializer


class EraseIn(serializers.Serializer):
    """Why something is erased."""

    reason = serializers.CharField(
        max_length=300,
        required=False,
        default="Requested by the onboarding system.",
        help_text="Stored in the audit log; do not use names.",
    )


class EraseApplicantIn(EraseIn):
    """Whose submissions are erased, and why."""

    applicant_ref = ReferenceFilterField(help_text="Your reference for the person.")


class ErasedOut(serializers.Serializer):
    erased = serializers.ListField(
        child=serializers.UUIDField(), help_text="The submissions that this request erased, oldest first."
    )
    failed = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Those that could not be erased now, while the others were. Repeat the request later, and tell the "
        "operator if they stay.",
    )
    has_more = serializers.BooleanField(help_text="Repeat the request until this is false.")


class AppealIn(StrictSerializer):
    """Why the applicant objects."""

    reason = serializers.CharField(
        max_length=2000,
        required=False,
        allow_blank=True,
        default="",
        help_text="Kept with the case and deleted by an erasure; people who judge do not read it before.",
    )


class AppealOut(serializers.Serializer):
    submission = serializers.UUIDField(source="submission_id")
    appealed_at = serializers.DateTimeField(source="written_at")
    answered_at = serializers.DateTimeField(
        allow_null=True, help_text="Null until people have judged; then the submission's result is theirs."
    )
