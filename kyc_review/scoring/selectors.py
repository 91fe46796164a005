"""Reads of check results and verdicts that several apps share."""

from __future__ import annotations

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from kyc_review.scoring.models import CheckResult, Scoring
from kyc_review.submissions.check_policy import Action


def needs_person(submission: str = "submission") -> ExpressionWrapper:
    """Whether a check of the outer query's submission, or an auxiliary model, sent it to a person whatever the votes
    said."""
    of_it = {"submission": OuterRef(submission)}
    by_check = Exists(CheckResult.objects.filter(**of_it, action=Action.REVIEW.value))
    by_auxiliary_model = Exists(Scoring.objects.filter(**of_it).exclude(auxiliary_model=""))
    return ExpressionWrapper(Q(by_check) | Q(by_auxiliary_model), output_field=BooleanField())
