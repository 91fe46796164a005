"""What an erasure by API may say, and its answer."""

from rest_framework import serializers

from kyc_review.core.serializers import ReferenceField


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

    applicant_ref = ReferenceField(max_length=200, help_text="Your reference for the person.")


class ErasedOut(serializers.Serializer):
    erased = serializers.ListField(
        child=serializers.UUIDField(), help_text="The submissions that this request erased, oldest first."
    )
    has_more = serializers.BooleanField(help_text="Repeat the request until this is false.")
