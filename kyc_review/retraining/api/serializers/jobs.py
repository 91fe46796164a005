"""Training runs and comparisons."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc_review.retraining.api.incoming import BEGINNINGS
from kyc_review.retraining.api.serializers.shared import CheckOut, PageOut, PersonField
from kyc_review.training.models import Comparison, Job, TrainingRun


class WorkOut(serializers.ModelSerializer[Job]):
    """What a training run and a comparison have in common."""

    state = serializers.ChoiceField(choices=Job.State.choices, read_only=True)
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


class RunOut(WorkOut):
    begin = serializers.SerializerMethodField()
    init = serializers.CharField(source="init.digest", help_text="The champion at the time of the request.")
    candidate = serializers.CharField(
        source="candidate.digest", allow_null=True, help_text="The candidate; null before it exists."
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


class RunWholeOut(RunOut):
    progress = ProgressOut()
    log = serializers.CharField(allow_blank=True, help_text="The last lines that the training printed.")

    class Meta(RunOut.Meta):
        fields = (*RunOut.Meta.fields, "progress", "log")
        read_only_fields = fields


class RunPage(PageOut):
    data = RunOut(many=True)  # type: ignore[assignment]


class EstimateOut(serializers.Serializer):
    """A share with its 95 % interval; n: the number that it was measured on, counted without weights."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    n = serializers.IntegerField()


class PointOut(serializers.Serializer):
    """One operating point of the candidate on the hold-out."""

    shift = serializers.FloatField(help_text="Added to all five thresholds on the logit scale.")
    recall = serializers.FloatField(
        help_text="Share of held-out fakes that reach a person, unweighted: biased towards the champion."
    )
    false_alarm = serializers.FloatField(help_text="Share of labelled real faces that do; biased likewise.")
    miss_at_most = serializers.FloatField(
        help_text="Upper bound on the share of missed fakes (one-sided 95 %), unweighted."
    )
    weighted_recall = EstimateOut(
        allow_null=True,
        help_text="Share of all fakes that reach a person; null in a comparison without weights.",
    )
    recall_difference = EstimateOut(
        allow_null=True, help_text="Weighted recall less the champion's, on the same fakes."
    )
    weighted_false_alarm = EstimateOut(
        allow_null=True, help_text="Share of all real faces that reach a person."
    )
    load = EstimateOut(
        allow_null=True,
        help_text="Share of the replayed submissions that reach a person; null when none was.",
    )
    gate_open = serializers.BooleanField()


class ComparisonOut(WorkOut):
    champion = serializers.CharField(source="champion.digest")
    champion_shift = serializers.FloatField(
        help_text="Added to the champion's thresholds on the logit scale: the operating point it was measured at."
    )
    candidate = serializers.CharField(source="candidate.digest")

    class Meta(WorkOut.Meta):
        model = Comparison
        fields = (*WorkOut.Meta.fields, "champion", "champion_shift", "candidate")
        read_only_fields = fields


class ComparisonWholeOut(ComparisonOut):
    progress = ProgressOut()
    is_current = serializers.BooleanField(
        help_text="Whether its champion is still in production; otherwise the comparison is outdated."
    )
    points = PointOut(many=True, help_text="Risk against coverage; empty before it has succeeded.")
    gate = CheckOut(many=True, help_text="The checks at the point asked for by `shift`.")
    report = serializers.DictField(
        help_text="All that was measured, with 95 % intervals: `holdout`, `replay`, `champion`, `candidate`. "
        "Empty before it has succeeded; figures may be added."
    )

    class Meta(ComparisonOut.Meta):
        fields = (*ComparisonOut.Meta.fields, "progress", "is_current", "points", "gate", "report")
        read_only_fields = fields


class ComparisonPage(PageOut):
    data = ComparisonOut(many=True)  # type: ignore[assignment]
