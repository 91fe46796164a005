"""The case of a submission: who may read it, what it holds, and what colleagues write to each other there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext

from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.core.numbers import number
from kyc_review.core.permissions import (
    ROLES_WITH,
    Right,
    may_decide,
    may_read_queue,
    may_see_faces,
    may_see_insights,
)
from kyc_review.submissions.models import Submission

from . import selectors
from .blinding import outcome_seen_record, outcomes_seen_record
from .models import CaseComment, Decision, Mention, ReviewItem
from .recent_decisions import items_answered

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

ATTEMPTS_SHOWN = 50
COMMENT_MAX = 2000
MENTIONS_SHOWN = 10
MENTION = re.compile(r"(?<![\w@.])@([\w.+-]*\w)")


class CommentRefused(DomainError):
    """The comment was not kept. `detail` says why, to a person."""


class CaseView(Enum):
    """How much of a case a person may read now."""

    BLINDED = "blinded"  # they may be asked to judge the face blind: nothing
    BEFORE_DECISION = (
        "before_decision"  # they made their first call: nothing that others said of this picture
    )
    WHOLE = (
        "whole"  # to people who only review: their own decisions, and what was written since their item came
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """A submission of the applicant. `is_hidden`: somebody still judges it blind, so nothing is told of it."""

    submission: Submission
    item_id: int | None
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Case:
    """`items`: those of the submission whose pages the viewer may open. Lists are empty where `view` hides them."""

    submission: Submission
    view: CaseView
    items: tuple[int, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    decisions: tuple[Decision, ...] = ()
    comments: tuple[CaseComment, ...] = ()

    @property
    def is_blinded(self) -> bool:
        return self.view == CaseView.BLINDED

    @property
    def is_whole(self) -> bool:
        return self.view == CaseView.WHOLE


def case_of(*, viewer: User, submission_id: UUID) -> Case | None:
    """None for those who may not see it: it is for seniors, admins and auditors, for the reviewer who holds an item of
    the submission or decided one in the last day, and for people who are mentioned there."""
    row = Submission.objects.filter(pk=submission_id, is_test=False).select_related("integration").first()
    if row is None or not may_read_queue(viewer):
        return None
    of_row = {"submission": row}
    own = set(selectors.items_in_focus(viewer=viewer).filter(**of_row).values_list("pk", flat=True))
    own |= set(items_answered(viewer=viewer).filter(**of_row).values_list("pk", flat=True))
    mentions = Mention.objects.filter(person=viewer, comment__submission=row)
    if not own and not may_see_insights(viewer) and not mentions.exists():
        return None
    pending = row.review_items.exclude(state=ReviewItem.State.DECIDED).first()
    view = _view(pending, viewer)
    if view == CaseView.BLINDED:
        return Case(row, view)
    said = (
        CaseComment.objects.filter(submission=row)
        .select_related("author")
        .prefetch_related("mentions__person")
    )
    decisions = row.decisions.select_related("reviewer", "item", "undo").order_by("decided_at", "pk")
    if not may_see_insights(viewer):
        # What was said before their item was opened would tell that it is a second review or a calibration item.
        opened = row.review_items.filter(pk__in=own).aggregate(first=Min("opened_at"))["first"]
        addressed = Q(author=viewer) | Q(mentions__person=viewer)
        since = Q(written_at__gte=opened, is_appeal=False) if opened else Q(pk=None)
        said = said.filter(addressed | since).distinct()
        decisions = decisions.filter(reviewer=viewer)
    if view == CaseView.BEFORE_DECISION:
        # How many items there are would tell that it was judged before.
        items = {pending.pk} & own if pending else set()
        mine = said.filter(author=viewer, is_appeal=False).order_by("pk")
        return Case(row, view, tuple(items), _attempts(row, viewer), (), tuple(mine))
    return Case(
        row, view, tuple(sorted(own)), _attempts(row, viewer), tuple(decisions), tuple(said.order_by("pk"))
    )


def _view(pending: ReviewItem | None, viewer: User) -> CaseView:
    if pending is None or not pending.is_blind or not may_decide(viewer):
        return CaseView.WHOLE
    if not selectors.is_revealed(viewer=viewer, item=pending):
        return CaseView.BLINDED
    judged = Decision.objects.standing().filter(submission=pending.submission_id, reviewer=viewer)
    # Who can still take the answer back could change it after reading what others said.
    has_final_answer = judged.exclude(item=pending).exists()
    return CaseView.WHOLE if has_final_answer else CaseView.BEFORE_DECISION


def _attempts(row: Submission, viewer: User) -> tuple[Attempt, ...]:
    """The other submissions of the applicant through the same onboarding system, the newest first.

    Hidden ones come before, in an order that tells nothing: a place among the others would tell when they came.
    """
    if not row.applicant_ref or row.is_planted:
        return ()
    pending = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED).filter(is_blind=True)
    rows = Submission.objects.filter(
        integration=row.integration_id, applicant_ref=row.applicant_ref, is_test=False, is_planted=False
    )
    # The number of a calibration item would say when it was one.
    others = ~Q(review_items__reason=ReviewItem.Reason.GOLD)
    rows = rows.exclude(pk=row.pk).annotate(
        item=Max("review_items", filter=others), is_pending=Exists(pending.filter(submission=OuterRef("pk")))
    )
    hides = may_decide(viewer)
    attempts = [
        Attempt(other, other.item, hides and other.is_pending)
        for other in rows.order_by("-received_at")[:ATTEMPTS_SHOWN]
    ]
    return tuple(sorted(attempts, key=lambda row: (not row.is_hidden, row.submission.pk.int * row.is_hidden)))


def case_read_record(*, case: Case, viewer: User) -> None:
    """The viewer reads the case: outcomes are known to them from now on, and mentions are read."""
    if case.is_blinded:
        return
    told = [attempt.submission for attempt in case.attempts if not attempt.is_hidden]
    outcomes_seen_record(submissions=told, viewer=viewer, in_passing=True)
    if case.is_whole:
        outcome_seen_record(submission=case.submission, viewer=viewer)
        unread = Mention.objects.filter(
            person=viewer, comment__submission=case.submission, read_at__isnull=True
        )
        unread.update(read_at=Now())


def case_picture(*, case: Case, member_id: UUID, viewer: User) -> Submission | None:
    """The submission itself or an attempt, if the viewer may see its face here."""
    if case.is_blinded or not (may_see_faces(viewer) or may_decide(viewer)):
        return None
    shown = [case.submission, *(attempt.submission for attempt in case.attempts)]
    return next((row for row in shown if row.pk == member_id and not row.erased_at), None)


@transaction.atomic
def comment_add(*, submission_id: UUID, author: User, text: str) -> CaseComment:
    """Keep a comment and tell the people that it names with @username. Raises PermissionDenied, CommentRefused."""
    case = case_of(viewer=author, submission_id=submission_id)
    if case is None or not may_decide(author):
        raise PermissionDenied(
            gettext("Reviewers and seniors who may read a case comment on it; your role does not.")
        )
    if case.is_blinded:
        raise CommentRefused(
            gettext("This picture must be judged blind first. Comment on it after your first call.")
        )
    row = Submission.objects.select_for_update(no_key=True).get(pk=submission_id)
    text = text.strip()
    if row.erased_at:
        raise CommentRefused(gettext("The submission was erased; nothing can be written about it any more."))
    if not 0 < len(text) <= COMMENT_MAX:
        raise CommentRefused(gettext("Write 1 to %(number)s characters.") % {"number": number(COMMENT_MAX)})
    people = _mentioned(text)
    comment = CaseComment.objects.create(submission=row, author=author, text=text)
    Mention.objects.bulk_create(
        Mention(comment=comment, person=person) for person in people if person != author
    )
    detail = {"mentions": sorted(person.pk for person in people)}
    audit.record(action="submission.commented", actor=author, target=row, detail=detail)
    return comment


def _mentioned(text: str) -> list[User]:
    names = set(MENTION.findall(text))
    staff = get_user_model().objects.filter(
        username__in=names, is_active=True, groups__name__in=ROLES_WITH[Right.READ_QUEUE]
    )
    people = list(staff.distinct())
    if missing := names - {person.username for person in people}:
        listed = ", ".join(f"@{name}" for name in sorted(missing))
        raise CommentRefused(
            gettext("There is no colleague %(names)s. Write the user name as it is on their account.")
            % {"names": listed}
        )
    return people


def mentions_unread(*, viewer: User) -> list[Mention]:
    """The latest comments that name the viewer and that they did not read; none on a case that is blinded for them,
    because that it was spoken about tells that it was judged before."""
    rows = Mention.objects.filter(person=viewer, read_at__isnull=True)
    rows = rows.select_related("comment__author", "comment__submission").order_by("-pk")
    found = []
    for row in rows[:MENTIONS_SHOWN]:
        case = case_of(viewer=viewer, submission_id=row.comment.submission_id)
        if case is not None and case.is_whole:
            found.append(row)
    return found
