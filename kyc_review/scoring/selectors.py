"""Reads of check results and verdicts that several apps share."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from detection.checks import CheckStatus
from kyc_review.scoring.models import CheckResult, Scoring
from kyc_review.submissions.check_policy import TOLD_FIRST, Action


def needs_person(submission: str = "submission") -> ExpressionWrapper:
    """Whether a check of the outer query's submission, or an auxiliary model, sent it to a person whatever the votes
    said."""
    of_it = {"submission": OuterRef(submission)}
    by_check = Exists(CheckResult.objects.filter(**of_it, action=Action.REVIEW.value))
    by_auxiliary_model = Exists(Scoring.objects.filter(**of_it).exclude(auxiliary_model=""))
    return ExpressionWrapper(Q(by_check) | Q(by_auxiliary_model), output_field=BooleanField())


def failed_for_person(submission: str = "submission") -> Exists:
    """Whether a failed check of the outer query's submission sent it to a person."""
    return Exists(
        CheckResult.objects.filter(
            submission=OuterRef(submission), action=Action.REVIEW.value, status=CheckStatus.FAIL.value
        )
    )


def checks_for_person(submissions: Iterable[UUID]) -> dict[UUID, list[CheckResult]]:
    """By submission, the checks that sent it to a person: failed ones first, and the cause before what it led to."""
    rows: dict[UUID, list[CheckResult]] = {}
    for row in CheckResult.objects.filter(submission__in=list(submissions), action=Action.REVIEW.value):
        rows.setdefault(row.submission_id, []).append(row)
    return {pk: causes_first(found) for pk, found in rows.items()}


def causes_first(rows: Iterable[CheckResult]) -> list[CheckResult]:
    """Failed checks before doubtful ones, and the cause before what it led to."""
    told = {name.value: place for place, name in enumerate(TOLD_FIRST)}
    return sorted(rows, key=lambda row: (row.status != CheckStatus.FAIL.value, told[row.name]))
