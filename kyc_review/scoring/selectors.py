"""Reads of check results that several rooms share."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Case, Exists, IntegerField, OuterRef, Value, When

from detection.checks import CheckName
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action

_ORDER = Case(
    *(When(name=name.value, then=Value(place)) for place, name in enumerate(CheckName)),
    default=Value(len(CheckName)),
    output_field=IntegerField(),
)


def needs_person(submission: str = "submission") -> Exists:
    """Whether a check of the outer query's submission sent it to a person, whatever the votes said."""
    return Exists(CheckResult.objects.filter(submission=OuterRef(submission), action=Action.REVIEW.value))


def checks_by_submission(ids: Iterable[UUID]) -> dict[UUID, list[CheckResult]]:
    """The checks of each submission in the order of `CheckName`; one query. What was not checked is left out."""
    found: dict[UUID, list[CheckResult]] = {}
    for row in CheckResult.objects.filter(submission__in=list(ids)).order_by(_ORDER):
        found.setdefault(row.submission_id, []).append(row)
    return found
