"""People who have seen the outcome for a face. They are not asked to review it, because they could not do it
blind."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from kyc_review.core.permissions import ROLES_WITH, Right, may_decide
from kyc_review.review.models import Decision, OutcomeExposure, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User
    from kyc_review.submissions.models import Submission


def outcome_seen_record(*, submission: Submission, viewer: User) -> None:
    """Record that the viewer reads the outcome of a face, so that they are not asked to judge it later.

    Nothing is recorded before the first decision or outcome, for viewers who may not decide (they are never asked), and
    for those who already know the outcome, for example because they decided. Safe to repeat.
    """
    outcomes_seen_record(submissions=[submission], viewer=viewer)


def outcomes_seen_record(*, submissions: Collection[Submission], viewer: User) -> None:
    """`outcome_seen_record` for several faces in as many queries as for one."""
    if not may_decide(viewer):
        return
    keys = [row.pk for row in submissions]
    read = OutcomeExposure.objects.filter(submission__in=keys, person=viewer)
    standing = Decision.objects.standing().filter(submission__in=keys)
    judged = standing.filter(reviewer=viewer)
    known = {*read.values_list("submission_id", flat=True), *judged.values_list("submission_id", flat=True)}
    if known.issuperset(keys):
        return
    said = {row.pk for row in submissions if row.completed_at} | set(
        standing.values_list("submission_id", flat=True)
    )
    OutcomeExposure.objects.bulk_create(
        [OutcomeExposure(submission_id=key, person=viewer) for key in keys if key in said - known],
        ignore_conflicts=True,
    )


def possible_reviewers() -> QuerySet[User]:
    """Who judges faces and does not know what was said of the outer query's `submission`."""
    face = OuterRef(OuterRef("submission"))
    judged = Decision.objects.standing().filter(submission=face, reviewer=OuterRef("pk"))
    read = OutcomeExposure.objects.filter(submission=face, person=OuterRef("pk"))
    people = get_user_model().objects.filter(groups__name__in=ROLES_WITH[Right.DECIDE], is_active=True)
    return people.filter(~Exists(judged), ~Exists(read))


def has_possible_senior(*, submission_id: UUID) -> bool:
    """Whether an active senior is left who does not know what was said of this face."""
    judged = Decision.objects.standing().filter(submission=submission_id, reviewer=OuterRef("pk"))
    read = OutcomeExposure.objects.filter(submission=submission_id, person=OuterRef("pk"))
    seniors = get_user_model().objects.filter(groups__name__in=ROLES_WITH[Right.OVERSEE], is_active=True)
    return seniors.filter(~Exists(judged), ~Exists(read)).exists()


def items_without_reviewer() -> int:
    """How many items wait though no active reviewer may take them: all know what was said of the face, or an escalated
    one has no senior left to see it."""
    again = [
        ReviewItem.Reason.SECOND_REVIEW,
        ReviewItem.Reason.ADJUDICATION,
        ReviewItem.Reason.TWIN_REJECTED,
        ReviewItem.Reason.GOLD,
    ]
    waiting = ReviewItem.objects.filter(state=ReviewItem.State.OPEN)
    seniors = possible_reviewers().filter(groups__name__in=ROLES_WITH[Right.OVERSEE])
    seniors = seniors.exclude(pk=Coalesce(OuterRef("escalated_by"), 0))
    repeated = Q(reason__in=again, is_escalated=False) & ~Exists(possible_reviewers())
    escalated = Q(is_escalated=True) & ~Exists(seniors)
    return waiting.filter(repeated | escalated).count()


def knows_outcome(*, submission_id: UUID, person: User) -> bool:
    """Whether the person judged the face, or read what others said of it."""
    judged = Decision.objects.standing().filter(submission=submission_id, reviewer=person)
    return judged.exists() or OutcomeExposure.objects.filter(submission=submission_id, person=person).exists()
