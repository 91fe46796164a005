"""What scripts get: rows of the loop in plain names. People are told by their user names, bundles by their digests."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc_review.retraining.api.incoming import BEGINNINGS
from kyc_review.retraining.lineage import BundleState
from kyc_review.retraining.models import (
    Bundle,
    Comparison,
    Promotion,
    Proposal,
    Shadow,
    Snapshot,
    TrainingRun,
    Work,
)


class PersonField(serializers.CharField):
    """A user name; null when the system itself, its clock or its command line did it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"source": None, "allow_null": True, "read_only": True} | more)

    def to_representation(self, value: Any) -> str:
        return str(value.get_username())


class MarkOut(serializers.Serializer):
    """It holds, or learned from, so many submissions that were erased since."""

    number = serializers.IntegerField()
    since = serializers.DateTimeField()


class Markable(serializers.Serializer):
    """What erased submissions left in it; `marks` in the context has them by primary key."""

    erased = serializers.SerializerMethodField(help_text="Null: no submission in it was erased.")

    @extend_schema_field(MarkOut(allow_null=True))
    def get_erased(self, row: Model) -> dict[str, Any] | None:
        mark = self.context["marks"].get(row.pk)
        return dict(MarkOut(mark).data) if mark else None


class CountsOut(serializers.Serializer):
    real = serializers.IntegerField()
    fake = serializers.IntegerField()


class SnapshotOut(Markable, serializers.ModelSerializer[Snapshot]):
    state = serializers.ChoiceField(choices=Snapshot.State.choices, read_only=True)
    counts = serializers.SerializerMethodField(help_text="Items by label.")
    choices = serializers.DictField(help_text="Which decisions were chosen; empty: all that were final.")
    source_bundle = serializers.CharField(
        source="source_bundle.digest", allow_null=True, help_text="What served when it was made."
    )
    created_by = PersonField()

    class Meta:
        model = Snapshot
        fields: tuple[str, ...] = (
            "name",
            "state",
            "choices",
            "counts",
            "erased",
            "size_bytes",
            "digest",
            "manifest_sha256",
            "source_bundle",
            "error",
            "created_at",
            "created_by",
            "ready_at",
        )
        read_only_fields = fields

    @extend_schema_field(CountsOut)
    def get_counts(self, row: Snapshot) -> dict[str, int]:
        return {"real": row.count_real, "fake": row.count_fake}


class ShareOut(serializers.Serializer):
    """Items of one source that reached people for one reason."""

    source = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField()
    real = serializers.IntegerField()
    fake = serializers.IntegerField()
    weight = serializers.FloatField(help_text="Mean of one over the items' chances of reaching people.")


class SnapshotWholeOut(SnapshotOut):
    shares = ShareOut(many=True)
    weighted_fakes = serializers.FloatField(
        allow_null=True, help_text="The share of fakes when each item weighs one over its chance."
    )

    class Meta(SnapshotOut.Meta):
        fields = (*SnapshotOut.Meta.fields, "shares", "weighted_fakes")
        read_only_fields = fields


class VerificationOut(serializers.Serializer):
    intact = serializers.BooleanField(help_text="Manifest and images are as they were frozen.")
    items = serializers.IntegerField(
        allow_null=True, help_text="How many were hashed; null when one differs."
    )
    detail = serializers.CharField(allow_blank=True, help_text="The first difference, or empty.")


class WorkOut(serializers.ModelSerializer[Work]):
    """What a training run and a comparison have in common."""

    state = serializers.ChoiceField(choices=Work.State.choices, read_only=True)
    snapshot = serializers.CharField(source="snapshot.name")
    created_by = PersonField()

    class Meta:
        fields: tuple[str, ...] = (
            "id",
            "state",
            "snapshot",
            "attempts",
            "error",
            "cancel_asked",
            "created_at",
            "created_by",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class RunOut(WorkOut):
    begin = serializers.SerializerMethodField()
    init = serializers.CharField(source="init.digest", help_text="The champion when it was asked for.")
    candidate = serializers.CharField(
        source="candidate.digest", allow_null=True, help_text="What it made; null before."
    )

    class Meta(WorkOut.Meta):
        model = TrainingRun
        fields = (
            *WorkOut.Meta.fields,
            "begin",
            "init",
            "epochs",
            "seed",
            "miss",
            "balance",
            "weigh",
            "candidate",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=BEGINNINGS))
    def get_begin(self, row: TrainingRun) -> str:
        return "scratch" if row.scratch else "champion"


class CurveOut(serializers.Serializer):
    """One value for each finished epoch of one member."""

    member = serializers.CharField()
    values = serializers.ListField(child=serializers.FloatField())


class ProgressOut(serializers.Serializer):
    done = serializers.IntegerField(help_text="Steps, over all members.")
    of = serializers.IntegerField(help_text="0 before the first report.")
    eta_s = serializers.IntegerField(allow_null=True)
    phase = serializers.CharField(allow_blank=True)
    member = serializers.CharField(allow_blank=True)
    losses = CurveOut(many=True)
    aucs = CurveOut(many=True, help_text="Area under the ROC curve on validation.")


class RunWholeOut(RunOut):
    progress = ProgressOut()
    log = serializers.CharField(allow_blank=True, help_text="The last lines that the training printed.")

    class Meta(RunOut.Meta):
        fields = (*RunOut.Meta.fields, "progress", "log")
        read_only_fields = fields


class PointOut(serializers.Serializer):
    """One operating point of the candidate on the hold-out."""

    shift = serializers.FloatField(help_text="Added to all five thresholds on the logit scale.")
    recall = serializers.FloatField(help_text="Share of fakes that reach a person.")
    false_alarm = serializers.FloatField(help_text="Share of real faces that reach a person, too.")
    miss_at_most = serializers.FloatField(
        help_text="Share of missed fakes that the held-out ones certify (one-sided 95 % bound)."
    )
    gate_open = serializers.BooleanField()


class CheckOut(serializers.Serializer):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    detail = serializers.CharField()


class ComparisonOut(WorkOut):
    champion = serializers.CharField(source="champion.digest")
    candidate = serializers.CharField(source="candidate.digest")

    class Meta(WorkOut.Meta):
        model = Comparison
        fields = (*WorkOut.Meta.fields, "champion", "candidate")
        read_only_fields = fields


class ComparisonWholeOut(ComparisonOut):
    progress = ProgressOut()
    is_current = serializers.BooleanField(help_text="Its champion still serves; else it proves nothing now.")
    points = PointOut(many=True, help_text="Risk against coverage; empty before it has succeeded.")
    gate = CheckOut(many=True, help_text="The checks at the point asked for by `shift`.")
    report = serializers.DictField(
        help_text="All that was measured, with 95 % intervals: `holdout`, `replay`, `champion`, `candidate`. "
        "Empty before it has succeeded; figures may be added."
    )

    class Meta(ComparisonOut.Meta):
        fields = (*ComparisonOut.Meta.fields, "progress", "is_current", "points", "gate", "report")
        read_only_fields = fields


class ProposalOut(serializers.ModelSerializer[Proposal]):
    state = serializers.ChoiceField(choices=Proposal.State.choices, read_only=True)
    comparison = serializers.IntegerField(source="comparison_id")
    candidate = serializers.CharField(source="comparison.candidate.digest")
    gate = CheckOut(many=True, help_text="What the checks said when it was made.")
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
            "reason",
            "override",
            "proposed_at",
            "proposed_by",
            "decided_at",
            "decided_by",
            "remark",
        )
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
    provenance = serializers.DictField(help_text="What the bundle itself says of its making.")
    metrics = serializers.DictField(help_text="What the bundle itself says it was measured at.")
    promotions = PromotionOut(many=True, help_text="When it began to serve, the newest first.")
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


class BesideOut(serializers.Serializer):
    """Of what both judged: what only one of the two would have sent to people, and how much of that was fake."""

    scored = serializers.IntegerField()
    unread = serializers.IntegerField(help_text="What the shadow could not read.")
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


class SignOut(serializers.Serializer):
    name = serializers.CharField()
    calls = serializers.BooleanField(allow_null=True, help_text="Null: too little to say.")
    detail = serializers.CharField()


class SuggestionsOut(serializers.Serializer):
    calls = serializers.BooleanField(help_text="At least one sign calls for a new candidate.")
    signs = SignOut(many=True)
    unused_decisions = serializers.IntegerField(help_text="Decisions that no snapshot holds.")
    every_days = serializers.IntegerField(help_text="Training by the calendar; 0: only when asked.")


class PageOut(serializers.Serializer):
    """Newest first. Go on with `after`, set to `next`, while `has_more` is true."""

    has_more = serializers.BooleanField()
    next = serializers.IntegerField(allow_null=True)


class SnapshotPage(PageOut):
    # The name is the API's for every list; a serializer's own `data` is not asked for.
    data = SnapshotOut(many=True)  # type: ignore[assignment]
    next = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class RunPage(PageOut):
    data = RunOut(many=True)  # type: ignore[assignment]


class ComparisonPage(PageOut):
    data = ComparisonOut(many=True)  # type: ignore[assignment]


class BundlePage(PageOut):
    data = BundleOut(many=True)  # type: ignore[assignment]
    next = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class ProposalPage(PageOut):
    data = ProposalOut(many=True)  # type: ignore[assignment]


class PromotionPage(PageOut):
    data = PromotionOut(many=True)  # type: ignore[assignment]
