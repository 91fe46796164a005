"""The gate's settings and their history; trainings by the calendar that were refused."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from kyc_review.retraining.api.serializers.shared import PageOut
from kyc_review.training.gate_limits import Limits
from kyc_review.training.models import GateSettings, RefusedTraining


class LimitsOut(serializers.ModelSerializer[GateSettings]):
    """Every limit has to be sent: null switches off the two that may be off."""

    class Meta:
        model = GateSettings
        fields: tuple[str, ...] = GateSettings.LIMITS
        extra_kwargs = {name: {"required": True} for name in GateSettings.LIMITS}


class GateSettingsIn(LimitsOut):
    version = serializers.IntegerField(
        required=False, min_value=0, help_text="Of GET: refused with 409 if somebody changed them meanwhile."
    )
    reason = serializers.CharField(max_length=300, help_text="At least 10 characters; the history keeps it.")

    class Meta(LimitsOut.Meta):
        fields = (*GateSettings.LIMITS, "version", "reason")

    def to_internal_value(self, data: Any) -> Any:
        """Python counts true as 1.0 and false as 0.0; a limit is never meant so."""
        if isinstance(data, Mapping):
            names = [name for name in (*GateSettings.LIMITS, "version") if isinstance(data.get(name), bool)]
            if names:
                raise serializers.ValidationError({name: ["A valid number is required."] for name in names})
        return super().to_internal_value(data)

    def limits(self) -> Limits:
        """The limits that valid data state."""
        return Limits(**{name: self.validated_data[name] for name in GateSettings.LIMITS})


class ChangedLimitOut(serializers.Serializer):
    name = serializers.CharField()
    before = serializers.FloatField(allow_null=True)
    after = serializers.FloatField(allow_null=True)


class GateChangeOut(serializers.Serializer):
    changed_at = serializers.DateTimeField()
    changed_by = serializers.CharField(help_text="A user name: of the admin who proposed it.")
    approved_by = serializers.CharField(
        allow_null=True, help_text="The second admin; null for changes from before two were needed."
    )
    reason = serializers.CharField()
    limits = ChangedLimitOut(many=True)


class GateProposalOut(serializers.Serializer):
    id = serializers.IntegerField()
    proposed_at = serializers.DateTimeField()
    proposed_by = serializers.CharField(help_text="A user name.")
    reason = serializers.CharField()
    limits = ChangedLimitOut(many=True)


class GateSettingsOut(LimitsOut):
    version = serializers.IntegerField(help_text="Of the latest change; 0 before the first.")
    proposed = GateProposalOut(
        allow_null=True, help_text="The change that waits for another admin's decision."
    )
    history = GateChangeOut(many=True, help_text="All changes, the latest first.")

    class Meta(LimitsOut.Meta):
        fields = (*GateSettings.LIMITS, "version", "proposed", "history")


class RefusedTrainingOut(serializers.ModelSerializer[RefusedTraining]):
    class Meta:
        model = RefusedTraining
        fields = ("id", "reason", "first_at", "last_at")
        read_only_fields = fields


class RefusedTrainingPage(PageOut):
    data = RefusedTrainingOut(many=True)  # type: ignore[assignment]
