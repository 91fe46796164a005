"""The way to champion: what calls for training, proposals, the shadow, promotions."""

from rest_framework import serializers

from kyc_review.registry.models import Promotion, Shadow
from kyc_review.retraining.api.serializers.shared import CheckOut, PageOut, PersonField
from kyc_review.training.models import Proposal


class SignalOut(serializers.Serializer):
    name = serializers.CharField()
    calls = serializers.BooleanField(allow_null=True, help_text="Null: too few data.")
    detail = serializers.CharField()


class SignalsOut(serializers.Serializer):
    calls = serializers.BooleanField(help_text="At least one signal suggests a new candidate.")
    signals = SignalOut(many=True)
    unused_decisions = serializers.IntegerField(
        help_text="Decisions that no snapshot holds; of many, at most 2,000 are counted."
    )
    every_days = serializers.IntegerField(help_text="Training by the calendar; 0: only on request.")


class ProposalOut(serializers.ModelSerializer[Proposal]):
    state = serializers.ChoiceField(choices=Proposal.State.choices, read_only=True)
    comparison = serializers.IntegerField(source="comparison_id")
    candidate = serializers.CharField(source="comparison.candidate.digest")
    gate = CheckOut(many=True, help_text="The results of the checks when it was created.")
    gate_at_approval = CheckOut(many=True, help_text="The results when it was approved; else empty.")
    proposed_by = PersonField()
    decided_by = PersonField()

    class Meta:
        model = Proposal
        fields = (
            "id",
            "state",
            "comparison",
            "candidate",
            "shift",
            "gate",
            "gate_at_approval",
            "reason",
            "override",
            "proposed_at",
            "proposed_by",
            "decided_at",
            "decided_by",
            "remark",
        )
        read_only_fields = fields


class ProposalPage(PageOut):
    data = ProposalOut(many=True)  # type: ignore[assignment]


class BesideOut(serializers.Serializer):
    """Of what both judged: what only one of the two would have sent to people, and how much of that was fake."""

    scored = serializers.IntegerField()
    unread = serializers.IntegerField(help_text="Submissions that the shadow could not read.")
    both = serializers.IntegerField()
    neither = serializers.IntegerField()
    shadow_only = serializers.IntegerField()
    shadow_fake = serializers.IntegerField()
    champion_only = serializers.IntegerField()
    champion_fake = serializers.IntegerField()


class ShadowOut(serializers.ModelSerializer[Shadow]):
    bundle = serializers.CharField(source="bundle.digest")
    version = serializers.CharField(source="bundle.version")
    running = serializers.SerializerMethodField()
    started_by = PersonField()

    class Meta:
        model = Shadow
        fields: tuple[str, ...] = (
            "id",
            "running",
            "bundle",
            "version",
            "started_at",
            "started_by",
            "ended_at",
            "remark",
            "failures",
        )
        read_only_fields = fields

    def get_running(self, row: Shadow) -> bool:
        return row.ended_at is None


class ShadowWholeOut(ShadowOut):
    counts = BesideOut()

    class Meta(ShadowOut.Meta):
        fields = (*ShadowOut.Meta.fields, "counts")
        read_only_fields = fields


class PromotionOut(serializers.ModelSerializer[Promotion]):
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices, read_only=True)
    bundle = serializers.CharField(source="bundle.digest")
    version = serializers.CharField(source="bundle.version")
    promoted_by = PersonField()

    class Meta:
        model = Promotion
        fields = ("id", "kind", "bundle", "version", "shift", "reason", "promoted_at", "promoted_by")
        read_only_fields = fields


class PromotionPage(PageOut):
    data = PromotionOut(many=True)  # type: ignore[assignment]
