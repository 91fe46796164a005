"""Channels for notices. URLs and secrets are never sent back, except the secret of a new channel, once."""

from typing import Any

from rest_framework import serializers

from kyc_review.core.fields import OneOfField
from kyc_review.core.serializers import StrictSerializer
from kyc_review.notices.models import CHOSEN_KINDS, Channel, Medium
from kyc_review.retraining.api.serializers.shared import PersonField


class ChannelIn(StrictSerializer):
    """E-mail needs `email`, every other medium `url`."""

    medium = OneOfField(choices=Medium.choices)
    email = serializers.CharField(max_length=254, required=False, help_text="Of the bank; for e-mail.")
    url = serializers.CharField(
        required=False, help_text="Of the incoming webhook; it is a credential, so it is stored encrypted."
    )
    kinds = serializers.ListField(child=OneOfField(choices=CHOSEN_KINDS), min_length=1)
    is_shared = serializers.BooleanField(
        default=False, help_text="True: it belongs to all admins, who alone may ask for it."
    )
    description = serializers.CharField(max_length=100, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`address` is what the service takes; exactly one of both fields states it."""
        wanted, other = ("email", "url") if attrs["medium"] == Medium.EMAIL else ("url", "email")
        if wanted not in attrs:
            raise serializers.ValidationError({wanted: "This medium needs it."})
        if other in attrs:
            raise serializers.ValidationError({other: "This medium has none; leave it out."})
        return attrs | {"address": attrs.pop(wanted)}


class ChannelChangeIn(StrictSerializer):
    """What is left out stays as it is."""

    kinds = serializers.ListField(child=OneOfField(choices=CHOSEN_KINDS), min_length=1, required=False)
    is_active = serializers.BooleanField(required=False, help_text="False gives up what waits.")


class ChannelOut(serializers.ModelSerializer[Channel]):
    owner = PersonField(help_text="A user name; null: shared by all admins.")
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=CHOSEN_KINDS))
    address = serializers.CharField(help_text="The e-mail address, or the host of the URL.")
    waiting = serializers.IntegerField(help_text="Notices that wait or are being sent.")
    given_up = serializers.IntegerField(source="dead", help_text="Notices that were not taken in three days.")
    delivered_at = serializers.DateTimeField(allow_null=True, help_text="The latest delivery.")

    class Meta:
        model = Channel
        fields: tuple[str, ...] = (
            "id",
            "owner",
            "medium",
            "address",
            "description",
            "kinds",
            "is_active",
            "disabled_reason",
            "created_at",
            "waiting",
            "given_up",
            "delivered_at",
        )
        read_only_fields = fields


class ChannelCreatedOut(ChannelOut):
    secret = serializers.CharField(
        required=False, help_text="Of signed JSON only: checks signatures; it is not shown again."
    )

    class Meta(ChannelOut.Meta):
        fields = (*ChannelOut.Meta.fields, "secret")


class ChannelList(serializers.Serializer):
    """Your own and shared ones: at most ten of each."""

    data = ChannelOut(many=True)  # type: ignore[assignment]
