"""What an erasure by API may say."""

from rest_framework import serializers


class EraseIn(serializers.Serializer):
    """Why a submission is erased."""

    reason = serializers.CharField(
        max_length=300,
        required=False,
        default="Asked for by the onboarding system.",
        help_text="For the audit log, which keeps it; no names, please.",
    )
