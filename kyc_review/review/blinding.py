"""People who have seen the outcome of a face. They are not asked to review it, because they could not do it blind.

They are not asked to judge the same picture under another reference blind either, as long as another reviewer is left
who knows the outcome of no copy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from kyc_review.core.permissions import ROLES_WITH, Right, may_decide
from kyc_review.evidence.models import Likeness
from kyc_review.review.models import UNDECIDED_STATES, Decision, OutcomeExposure, ReviewItem
from kyc_review.review.models.reasons import QUEUE_ORDER

if TYPE_CHECKING:
    from kyc_review.accounts.models import User
    from kyc_review.submissions.models import Submission

ITEMS_CHECKED = 500


def outcome_seen_record(*, submission: Submission, viewer: User) -> None:
    """Record that the viewer reads the outcome of a face, so that they are not asked to judge it later.

    Nothing is recorded before the first decision or outcome, for viewers who may not decide (they are never asked), and
    for those who already know the outcome, for example because they decided. Safe to repeat.
    """
    outcomes_seen_record(submissions=[submission], viewer=viewer)


def outcomes_seen_record(
    *, submissions: Collection[Submission], viewer: User, in_passing: bool = False
) -> None:
    """`outcome_seen_record` for several faces in as many queries as for one.

    in_passing: as a similar picture, or as another attempt of the applicant. Then the viewer may still be asked to
    judge them blind, and their twins, if all reviewers know what came of the picture.
    """
    if not submissions or not may_decide(viewer):
        return
    keys = [row.pk for row in submissions]
    read = OutcomeExposure.objects.filter(submission__in=keys, person=viewer)
    standing = Decision.objects.standing().filter(submission__in=keys)
    seen = dict(read.values_list("submission_id", "in_passing"))
    known = {*seen, *standing.filter(reviewer=viewer).values_list("submission_id", flat=True)}
    if not in_passing and any(seen.values()):
        read.filter(in_passing=True).update(in_passing=False)
    if known.issuperset(keys):
        return
    said = {row.pk for row in submissions if row.completed_at} | set(
        standing.values_list("submission_id", flat=True)
    )
    OutcomeExposure.objects.bulk_create(
        [
            OutcomeExposure(submission_id=key, person=viewer, in_passing=in_passing)
            for key in dict.fromkeys(keys)
            if key in said - known
        ],
        ignore_conflicts=True,
    )


def copy_waits_blind(*, submission: OuterRef | UUID) -> Q:
    """Whether the same picture must still be judged blind under another reference: this outcome would answer it.

    A reference to the row around this condition is an OuterRef.
    """
    waiting = ReviewItem.objects.filter(state__in=UNDECIDED_STATES, is_blind=True)
    earlier = waiting.filter(submission=OuterRef("earlier"))
    later = waiting.filter(submission=OuterRef("submission"))
    return Q(Exists(Likeness.objects.filter(Exists(earlier), submission=submission))) | Q(
        Exists(Likeness.objects.filter(Exists(later), earlier=submission))
    )


def possible_reviewers(
    *, submission_id: UUID | None = None, may_know_picture: bool = False
) -> QuerySet[User]:
    """Who judges faces and does not know what was said of the submission, by default the outer query's `submission`.

    may_know_picture: they may have seen its outcome in passing, or know that of the same picture in another submission.
    """
    face, person = submission_id or OuterRef(OuterRef("submission")), OuterRef("pk")
    judged = Decision.objects.standing().filter(submission=face, reviewer=person)
    read = OutcomeExposure.objects.filter(submission=face, person=person, in_passing=False)
    people = get_user_model().objects.filter(groups__name__in=ROLES_WITH[Right.DECIDE], is_active=True)
    people = people.filter(~Exists(judged), ~Exists(read))
    if may_know_picture:
        return people
    return people.exclude(picture_outcome_known(submission=face, person=person))


def picture_outcome_known(*, submission: OuterRef | UUID, person: OuterRef | int) -> Q:
    """Whether the person was shown the outcome of the submission or of a twin, or decided on a twin.

    A reference to the row around this condition is an OuterRef.
    """
    of_person = OuterRef(person) if isinstance(person, OuterRef) else person
    earlier = Likeness.objects.filter(
        _knows(submission=OuterRef("earlier"), person=of_person), submission=submission
    )
    later = Likeness.objects.filter(
        _knows(submission=OuterRef("submission"), person=of_person), earlier=submission
    )
    read = OutcomeExposure.objects.filter(submission=submission, person=person)
    return Q(Exists(read)) | Q(Exists(earlier)) | Q(Exists(later))


def _knows(*, submission: OuterRef, person: OuterRef | int) -> Q:
    judged = Decision.objects.standing().filter(submission=submission, reviewer=person)
    read = OutcomeExposure.objects.filter(submission=submission, person=person)
    return Q(Exists(judged)) | Q(Exists(read))


def has_possible_senior(*, submission_id: UUID) -> bool:
    """Whether an active senior is left who does not know what was said of this face."""
    judged = Decision.objects.standing().filter(submission=submission_id, reviewer=OuterRef("pk"))
    read = OutcomeExposure.objects.filter(submission=submission_id, person=OuterRef("pk"), in_passing=False)
    seniors = get_user_model().objects.filter(groups__name__in=ROLES_WITH[Right.OVERSEE], is_active=True)
    return seniors.filter(~Exists(judged), ~Exists(read)).exists()


class ReviewerShortages(NamedTuple):
    """Numbers of waiting items."""

    without_reviewer: int
    """no active reviewer may take them: all know what was said of the face, or an escalated one has no senior left"""
    for_those_who_know: int
    """blind items for people who know what came of the same picture, because all reviewers do"""


def reviewer_shortages() -> ReviewerShortages:
    """Both numbers in one query, because the queue page asks for them whenever it is opened."""
    again = [
        ReviewItem.Reason.SECOND_REVIEW,
        ReviewItem.Reason.ADJUDICATION,
        ReviewItem.Reason.TWIN_REJECTED,
        ReviewItem.Reason.APPEAL,
        ReviewItem.Reason.GOLD,
    ]
    is_again, is_for_all = Q(reason__in=again) | Q(is_escalated=True), Q(outcome_may_be_known=True)
    waiting = ReviewItem.objects.filter(is_again | is_for_all, state=ReviewItem.State.OPEN)
    has_reviewer = ExpressionWrapper(_has_reviewer(may_know_picture=True), output_field=BooleanField())
    counts = waiting.annotate(has_reviewer=has_reviewer).aggregate(
        without_reviewer=Count("pk", filter=is_again & Q(has_reviewer=False)),
        for_those_who_know=Count("pk", filter=is_for_all & Q(has_reviewer=True)),
    )
    return ReviewerShortages(**counts)


def items_without_reviewer() -> int:
    return reviewer_shortages().without_reviewer


def exceptions_renew() -> int:
    """Let people who know the outcome of a picture judge a blind item of it where no reviewer is left who does not, and
    end that when there is one again; how many items changed. Late or doubled runs change nothing."""
    waiting = ReviewItem.objects.filter(state=ReviewItem.State.OPEN, is_blind=True)
    free = _has_reviewer(may_know_picture=False)
    ended = waiting.filter(free, outcome_may_be_known=True).update(outcome_may_be_known=False)
    # What no one may take stays at the head of the queue, because blind items are handed out by their age.
    unopened = waiting.filter(outcome_may_be_known=False).order_by(*QUEUE_ORDER)
    head = list(unopened.values_list("pk", flat=True)[:ITEMS_CHECKED])
    face = OuterRef("submission")
    is_known = Q(
        Exists(Likeness.objects.filter(submission=face))
        | Exists(Likeness.objects.filter(earlier=face))
        | Exists(OutcomeExposure.objects.filter(submission=face, in_passing=True))
    )
    stuck = waiting.filter(is_known, pk__in=head).exclude(free)
    return ended + stuck.update(outcome_may_be_known=True)


def _has_reviewer(*, may_know_picture: bool) -> Q:
    """Whether somebody may take the item of the outer query; an escalated one needs a senior who did not escalate
    it."""
    people = possible_reviewers(may_know_picture=may_know_picture)
    seniors = people.filter(groups__name__in=ROLES_WITH[Right.OVERSEE])
    seniors = seniors.exclude(pk=Coalesce(OuterRef("escalated_by"), 0))
    return Q(Exists(people), is_escalated=False) | Q(Exists(seniors), is_escalated=True)


def knows_outcome(*, submission_id: UUID, person: User) -> bool:
    """Whether the person judged the face, or read what others said of it."""
    judged = Decision.objects.standing().filter(submission=submission_id, reviewer=person)
    return judged.exists() or OutcomeExposure.objects.filter(submission=submission_id, person=person).exists()


def knows_picture_outcome(*, submission_id: UUID, person: User) -> bool:
    """Whether the person knows the outcome of the same picture: judged it in another submission, or was shown it."""
    known = picture_outcome_known(submission=submission_id, person=person.pk)
    return ReviewItem.objects.filter(known, submission=submission_id).exists()
