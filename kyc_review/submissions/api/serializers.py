"""What integrations get."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc_review.submissions.models import LateOutcome, Result, ResultReason, State, Submission


class ReasonOut(serializers.Serializer):
    code = serializers.CharField(help_text="For your program. New codes may be added.")
    detail = serializers.CharField(help_text="For a person.")


class SubmissionOut(serializers.ModelSerializer[Submission]):
    status = serializers.ChoiceField(choices=State.choices, source="state", read_only=True)
    result = serializers.ChoiceField(
        choices=Result.choices, allow_null=True, read_only=True, help_text="Null until status is `completed`."
    )
    reasons = serializers.SerializerMethodField(help_text="Why it has this result; empty until it has one.")
    test = serializers.BooleanField(
        source="is_test", read_only=True, help_text="Posted with a test key: answered by the sandbox."
    )

    class Meta:
        model = Submission
        fields = (
            "id",
            "external_ref",
            "applicant_ref",
            "metadata",
            "status",
            "result",
            "reasons",
            "test",
            "sha256",
            "received_at",
            "completed_at",
        )
        read_only_fields = fields

    @extend_schema_field(ReasonOut(many=True))
    def get_reasons(self, row: Submission) -> list[dict[str, str]]:
        return [{"code": row.result_reason, "detail": explained(row)}] if row.result_reason else []

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["result"] = shown["result"] or None
        return shown


_one = SubmissionOut()


def shown(row: Submission) -> dict[str, Any]:
    """What SubmissionOut says of `row`; its fields are made once, for making them takes longer than reading them."""
    return dict(_one.to_representation(row))


def explained(row: Submission) -> str:
    if row.result_reason in ResultReason:
        return str(ResultReason(row.result_reason).label)
    return f"Ask for another selfie: {row.result_reason.replace('_', ' ')}."


class SubmissionPage(serializers.Serializer):
    """Newest first."""

    # The names are the API's; a serializer's own `data` is not asked for on a class that only describes.
    data = SubmissionOut(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    next = serializers.UUIDField(allow_null=True, help_text="Send it as `after` for the next page.")


class LateOutcomeOut(serializers.ModelSerializer[LateOutcome]):
    outcome = serializers.ChoiceField(choices=LateOutcome.Finding.choices, source="finding", read_only=True)
    submission = serializers.UUIDField(source="submission_id", read_only=True)

    class Meta:
        model = LateOutcome
        fields = ("submission", "outcome", "note", "reported_at")
        read_only_fields = fields


class ProblemOut(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    request_id = serializers.CharField(required=False, help_text="Name it when you ask for help.")
    # The name is the RFC's; a serializer's own `errors` is not asked for, nothing is validated with this one.
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(), required=False
    )


class BatchItemOut(serializers.Serializer):
    """What became of one submission of a batch: `submission` when status is 202, else `problem`."""

    index = serializers.IntegerField(help_text="Its place in what you sent, from 0.")
    status = serializers.IntegerField()
    submission = SubmissionOut(required=False)
    problem = ProblemOut(required=False)


class BatchOut(serializers.Serializer):
    results = BatchItemOut(many=True)
