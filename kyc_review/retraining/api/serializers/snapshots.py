"""Snapshots: what they hold, what they weigh, whether they are intact."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc_review.datasets.models import Snapshot
from kyc_review.retraining.api.serializers.shared import Markable, PageOut, PersonField


class CountsOut(serializers.Serializer):
    real = serializers.IntegerField()
    fake = serializers.IntegerField()


class SnapshotOut(Markable, serializers.ModelSerializer[Snapshot]):
    state = serializers.ChoiceField(choices=Snapshot.State.choices, read_only=True)
    counts = serializers.SerializerMethodField(help_text="Items by label.")
    choices = serializers.DictField(help_text="The filters; empty: all final decisions.")
    source_bundle = serializers.CharField(
        source="source_bundle.digest",
        allow_null=True,
        help_text="The bundle in production when it was created.",
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
    weight = serializers.FloatField(
        help_text="Mean of one over the items' probabilities of reaching a person."
    )


class SnapshotWholeOut(SnapshotOut):
    shares = ShareOut(many=True)
    weighted_fakes = serializers.FloatField(
        allow_null=True, help_text="The share of fakes weighted by one over these probabilities."
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


class SnapshotPage(PageOut):
    data = SnapshotOut(many=True)  # type: ignore[assignment]
    next = serializers.CharField(allow_null=True)  # type: ignore[assignment]
