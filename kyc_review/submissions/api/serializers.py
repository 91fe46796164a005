"""Responses for integrations."""

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from detection.checks import UNITS, CheckCode, CheckName, CheckStatus, Measure, Unit
from kyc_review.core.openapi import ProblemOut
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import (
    LateOutcome,
    ResubmitReason,
    Result,
    ResultReason,
    State,
    Submission,
)
from kyc_review.submissions.reason_codes import BY_CODE, CODES
from kyc_review.submissions.sandbox_checks import sandbox_checks

ANOTHER_SELFIE = "Ask for another selfie."
# Instead of the words for a dark face, where no face was found.
TOO_DARK_FOR_A_FACE = "The picture is too dark; find more light."


class ReasonOut(serializers.Serializer):
    code = serializers.CharField(
        help_text="For your program; new codes may be added. Now: "
        + "; ".join(f"`{one.code}` ({one.result.value}): {one.text}" for one in CODES if one.result)
    )
    detail = serializers.CharField(help_text="For a person of yours.")
    retry = serializers.BooleanField(
        help_text="Whether the applicant should send another picture; false: the result is final."
    )
    applicant_text = serializers.CharField(help_text="A sentence that may be shown to the applicant.")


class PictureCheckOut(serializers.Serializer):
    """One check of the picture."""

    name = serializers.ChoiceField(
        choices=[name.value for name in CheckName], help_text="Checks may be added."
    )
    status = serializers.ChoiceField(choices=[status.value for status in CheckStatus])
    measure = serializers.CharField(
        allow_null=True, help_text="Which quantity `value` is, such as `roll`. Measures may be added."
    )
    unit = serializers.ChoiceField(
        choices=[unit.value for unit in Unit], allow_null=True, help_text="Of `value` and `limit`."
    )
    value = serializers.FloatField(
        allow_null=True, help_text="What was measured; null where nothing is measured."
    )
    limit = serializers.FloatField(
        allow_null=True, help_text="What `value` missed or, for a pass, had to reach; in the unit of `value`."
    )
    code = serializers.CharField(
        allow_null=True,
        help_text=f"Why it did not pass; new codes may be added. Now: {', '.join(code.value for code in CheckCode)}.",
    )
    action = serializers.ChoiceField(
        choices=[action.value for action in Action],
        allow_null=True,
        help_text="What followed from it; null for a check that passed or changed nothing.",
    )


class SubmissionOut(serializers.ModelSerializer[Submission]):
    status = serializers.ChoiceField(choices=State.choices, source="state", read_only=True)
    result = serializers.ChoiceField(
        choices=Result.choices, allow_null=True, read_only=True, help_text="Null until status is `completed`."
    )
    metadata = serializers.DictField(read_only=True, help_text="Your own, as you sent it.")
    reasons = serializers.SerializerMethodField(help_text="Why it has this result; empty until it has one.")
    checks = serializers.SerializerMethodField(
        help_text="What was checked of the picture; empty until it was scored or sent back."
    )
    test = serializers.BooleanField(
        source="is_test", read_only=True, help_text="Posted with a test key: answered by the sandbox."
    )

    reference_sha256 = serializers.CharField(
        read_only=True, allow_null=True, help_text="Of the reference image's bytes; null without one."
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
            "checks",
            "test",
            "sha256",
            "reference_sha256",
            "received_at",
            "completed_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(ReasonOut(many=True))
    def get_reasons(self, row: Submission) -> list[dict[str, Any]]:
        return [reason_shown(row.result_reason)] if row.result_reason else []

    @extend_schema_field(PictureCheckOut(many=True))
    def get_checks(self, row: Submission) -> list[dict[str, Any]]:
        return checks_shown(row)

    def to_representation(self, instance: Submission) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["result"] = shown["result"] or None
        shown["reference_sha256"] = shown["reference_sha256"] or None
        if instance.result_reason == ResubmitReason.TOO_DARK and _has_no_face(shown["checks"]):
            shown["reasons"] = [reason_shown(instance.result_reason, applicant_text=TOO_DARK_FOR_A_FACE)]
        return shown


_one = SubmissionOut()


def shown(row: Submission) -> dict[str, Any]:
    """What SubmissionOut says of `row`; its fields are made once, for making them takes longer than reading them."""
    return dict(_one.to_representation(row))


def checks_shown(row: Submission) -> list[dict[str, Any]]:
    """In the order of `CheckName`. One query, unless the caller fetched `checks` before or there can be none."""
    if row.state in (State.RECEIVED, State.SCORING):
        return []
    found = sandbox_checks(row) if row.is_test else row.checks.all()
    by_name = {check.name: check for check in found}
    return [
        {
            "name": check.name,
            "status": check.status,
            "measure": check.measure or None,
            "unit": UNITS[Measure(check.measure)].value if check.measure else None,
            "value": check.value,
            "limit": check.limit,
            "code": check.code or None,
            "action": check.action or None,
        }
        for name in CheckName
        if (check := by_name.get(name.value)) is not None
    ]


def _has_no_face(checks: Iterable[Mapping[str, Any]]) -> bool:
    return any(
        check["name"] == CheckName.FACE_FOUND.value and check["status"] == CheckStatus.FAIL.value
        for check in checks
    )


def reason_shown(code: str, *, applicant_text: str = "") -> dict[str, Any]:
    """A reason as answers have it; `applicant_text` replaces the table's."""
    entry = BY_CODE[code]
    text = applicant_text or entry.applicant_text
    detail = f"{ANOTHER_SELFIE} {text}" if entry.is_retry else str(ResultReason(code).label)
    return {"code": code, "detail": detail, "retry": entry.is_retry, "applicant_text": text}


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


class BatchItemOut(serializers.Serializer):
    """What became of one submission of a batch: `submission` when status is 202, else `problem`."""

    index = serializers.IntegerField(help_text="Its place in what you sent, from 0.")
    status = serializers.IntegerField()
    submission = SubmissionOut(required=False)
    problem = ProblemOut(required=False)


class BatchOut(serializers.Serializer):
    results = BatchItemOut(many=True)
