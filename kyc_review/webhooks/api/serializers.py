from rest_framework import serializers

from kyc_review.core.fields import OneOfField
from kyc_review.core.serializers import StrictSerializer
from kyc_review.webhooks.endpoint_health import trouble_of
from kyc_review.webhooks.models import Attempt, Delivery, Endpoint, Kind
from kyc_review.webhooks.ssrf import URL_MAX_CHARS

KINDS = [(kind.value, kind.label) for kind in Kind if kind != Kind.TEST]
NO_KINDS = "Name at least one kind of event, or leave `events` out."
REF_HELP = "Messages carry your `external_ref` in `data`; it must name no person then."


class EndpointIn(StrictSerializer):
    """A new endpoint."""

    url = serializers.CharField(
        max_length=URL_MAX_CHARS,
        help_text="https, on the public internet or on a host that the operator allows.",
    )
    description = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    events = serializers.ListField(
        child=OneOfField(KINDS),
        required=False,
        min_length=1,
        error_messages={"min_length": NO_KINDS},
        max_length=len(KINDS),
        help_text="The kinds of events it receives; default: all.",
    )
    include_external_ref = serializers.BooleanField(required=False, help_text=f"{REF_HELP} Default: false.")


class EndpointChange(StrictSerializer):
    """Fields to change; omitted ones stay."""

    url = serializers.CharField(max_length=URL_MAX_CHARS, required=False)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    events = serializers.ListField(
        child=OneOfField(KINDS),
        required=False,
        min_length=1,
        error_messages={"min_length": NO_KINDS},
        max_length=len(KINDS),
    )
    include_external_ref = serializers.BooleanField(required=False, help_text=REF_HELP)
    active = serializers.BooleanField(
        required=False, help_text="`false` pauses it, `true` switches it on again."
    )


class EndpointOut(serializers.ModelSerializer[Endpoint]):
    events = serializers.ListField(child=serializers.ChoiceField(choices=KINDS), source="kinds")
    include_external_ref = serializers.BooleanField(source="with_external_ref")
    active = serializers.BooleanField(source="is_active")
    test = serializers.BooleanField(source="is_test", help_text="Receives events of the sandbox only.")
    trouble = serializers.SerializerMethodField(
        help_text="For a person: since when it is paused or off, why, and what to do. Empty for one that works."
    )

    class Meta:
        model = Endpoint
        fields = (
            "id",
            "url",
            "description",
            "events",
            "include_external_ref",
            "active",
            "disabled_reason",
            "disabled_at",
            "trouble",
            "failing_since",
            "failures",
            "paused_until",
            "test",
            "created_at",
        )
        read_only_fields = fields

    def get_trouble(self, row: Endpoint) -> str:
        return trouble_of(row)


class EndpointWithSecretOut(EndpointOut):
    """With the secret, which is shown only once."""

    secret = serializers.CharField(help_text="Signs every message. It cannot be read again.")

    class Meta(EndpointOut.Meta):
        fields = (*EndpointOut.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class EndpointsOut(serializers.Serializer):
    # The name is the API's for every list; a serializer's own `data` is not asked for.
    data = EndpointOut(many=True)  # type: ignore[assignment]


class SecretOut(serializers.Serializer):
    secret = serializers.CharField(help_text="Signs every message from now on. It cannot be read again.")
    previous_secret_expires_at = serializers.DateTimeField(
        help_text="Until then messages carry the previous secret's signature too."
    )


class AttemptOut(serializers.ModelSerializer[Attempt]):
    class Meta:
        model = Attempt
        fields = ("at", "status", "error", "elapsed_ms")
        read_only_fields = fields


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    webhook_id = serializers.CharField(source="event.message_id", help_text="As in the header `webhook-id`.")
    event = serializers.ChoiceField(choices=[(k.value, k.label) for k in Kind], source="event.kind")
    submission = serializers.UUIDField(source="event.submission_id", allow_null=True)
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    next_attempt_at = serializers.SerializerMethodField()
    attempts = AttemptOut(many=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "webhook_id",
            "event",
            "submission",
            "state",
            "created_at",
            "next_attempt_at",
            "finished_at",
            "attempts",
        )
        read_only_fields = fields

    def get_next_attempt_at(self, row: Delivery) -> str | None:
        if row.state != Delivery.State.PENDING:
            return None
        return serializers.DateTimeField().to_representation(row.due_at)


class DeliveriesOut(serializers.Serializer):
    data = DeliveryOut(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    next = serializers.UUIDField(allow_null=True, help_text="Send it as `after` for the following page.")


class DeliveriesIn(serializers.Serializer):
    state = OneOfField(Delivery.State.choices, required=False, default="")
    after = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False, default=50)


class EventDataOut(serializers.Serializer):
    id = serializers.UUIDField(help_text="The submission; of `endpoint.disabled` the endpoint.")
    status = serializers.CharField(help_text="Of the submission; `disabled` of an endpoint.")
    result = serializers.CharField(allow_null=True)
    reason = serializers.CharField(
        allow_null=True, help_text="Of the result; of an endpoint `answered_410` or `only_failed`."
    )
    checks = serializers.ListField(child=serializers.CharField())
    is_test = serializers.BooleanField()


class EventOut(serializers.Serializer):
    """The body of the webhook, and its `webhook-id`. `external_ref` is only in messages to endpoints that want it."""

    id = serializers.CharField(source="message_id", help_text="As in the header `webhook-id`.")
    type = serializers.CharField(
        source="kind", help_text=f"Kinds may be added. Now: {', '.join(value for value, _ in KINDS)}."
    )
    timestamp = serializers.DateTimeField(source="payload.timestamp")
    data = EventDataOut(source="payload.data")  # type: ignore[assignment]


class EventsOut(serializers.Serializer):
    data = EventOut(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    next = serializers.CharField(
        allow_null=True,
        help_text="The last event that you have now; send it as `after`, at once while `has_more`, later otherwise.",
    )


class EventsIn(serializers.Serializer):
    after = serializers.RegexField(
        r"^evt_[0-9a-f]{32}$",
        required=False,
        help_text="`next` of the previous answer.",
        error_messages={
            "invalid": "Send `next` of the previous answer or an event's `id`: evt_ and 32 hexadecimal digits in "
            "small letters. Leave it out to begin with the oldest event."
        },
    )
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False, default=50)
