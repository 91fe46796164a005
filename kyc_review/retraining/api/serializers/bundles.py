"""Bundles, where they come from and when they served."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc_review.registry.models import Bundle
from kyc_review.registry.states import BundleState
from kyc_review.retraining.api.serializers.promotion import PromotionOut
from kyc_review.retraining.api.serializers.shared import Markable, PageOut, PersonField


class BundleOut(Markable, serializers.ModelSerializer[Bundle]):
    state = serializers.SerializerMethodField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=Bundle.Source.choices, read_only=True
    )
    registered_by = PersonField()

    class Meta:
        model = Bundle
        fields: tuple[str, ...] = (
            "digest",
            "version",
            "state",
            "erased",
            "source",
            "trained_at",
            "registered_at",
            "registered_by",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=BundleState.choices))
    def get_state(self, row: Bundle) -> str:
        return str(self.context["states"].get(row.pk, BundleState.CANDIDATE))


class LineageOut(serializers.Serializer):
    run = serializers.IntegerField(allow_null=True, help_text="The training run that made it here.")
    snapshot = serializers.CharField(allow_null=True, help_text="What it was trained on.")
    parent = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="The bundle that it was trained from."
    )


class BundleWholeOut(BundleOut):
    lineage = LineageOut()
    provenance = serializers.DictField(help_text="The provenance stated in the bundle.")
    metrics = serializers.DictField(help_text="The metrics stated in the bundle.")
    promotions = PromotionOut(many=True, help_text="When it was promoted, newest first.")
    model_card = serializers.CharField(allow_blank=True, help_text="Markdown; empty when it has none.")

    class Meta(BundleOut.Meta):
        fields = (
            *BundleOut.Meta.fields,
            "lineage",
            "provenance",
            "metrics",
            "promotions",
            "model_card",
        )
        read_only_fields = fields


class BundlePage(PageOut):
    data = BundleOut(many=True)  # type: ignore[assignment]
    next = serializers.CharField(allow_null=True)  # type: ignore[assignment]
