"""Reads of check results that several apps share."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action


def needs_person(submission: str = "submission") -> Exists:
    """Whether a check of the outer query's submission sent it to a person, whatever the votes said."""
    return Exists(CheckResult.objects.filter(submission=OuterRef(submission), action=Action.REVIEW.value))
