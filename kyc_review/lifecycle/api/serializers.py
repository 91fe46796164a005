"""What an erasure by API may say."""

from rest_framework import serializers


class EraseIn(serializers.Serializer):
    """Why a submission is erased."""

    reason = serializers.CharField(
        max_length=300,
        required=False,
        default="Requested by the onboarding system.",
        help_text="Stored in the audit log; do not use names.",
    )
