"""Appeals: the applicant objects to an outcome, so somebody who has not seen the face judges it blind.

No one who judges learns that it is an appeal: the item has the reason of the one before. An answer that differs from
the outcome needs a second person where corrections do (CORRECTIONS_NEED_TWO), and *real* needs two who say it. A
submission is appealed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext, gettext_lazy

from kyc_review.audit import services as audit
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import Right, require
from kyc_review.evidence.services import evidence_request
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Result, State, Submission
from kyc_review.webhooks.models import Kind

from .models import RISK_WITHOUT_VOTES, UNDECIDED_STATES, CaseComment, Decision, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import Integration, User

APPEALABLE = (Result.REJECTED, Result.RESUBMIT)
RESULT_OF_LABEL = {
    Decision.Label.REAL: Result.CLEAR,
    Decision.Label.FAKE: Result.REJECTED,
    Decision.Label.NOT_ASSESSABLE: Result.RESUBMIT,
}


WAITS = gettext_lazy("Another person is to judge the picture first; repeat the appeal after their decision.")


class AppealRefused(DomainError):
    """There is nothing to appeal against; nothing was changed. `detail` says why."""

    code = "appeal_refused"


class AppealNotYet(AppealRefused):
    """A person is to judge the picture for another reason first; the same appeal may be made afterwards.

    That holds for calibration and for the quality sample, too: a picture has one undecided item at a time, and once it
    is appealed any answer but that to a calibration item replaces its outcome.
    """

    code = "appeal_not_yet"


def appeal_refusal(submission: Submission) -> AppealRefused | None:
    """Why an appeal is not possible now; None if it is."""
    if submission.erased_at:
        return AppealRefused(gettext("The submission was erased; there is no picture left to judge."))
    if submission.state != State.COMPLETED:
        return AppealRefused(gettext("The submission has no result yet."))
    if submission.result not in APPEALABLE:
        return AppealRefused(
            gettext("Only a result that is `rejected` or `resubmit` can be appealed against.")
        )
    if is_appealed(submission.pk):
        return AppealRefused(
            gettext("It was appealed against before; a submission can be appealed against once.")
        )
    if submission.review_items.filter(state__in=UNDECIDED_STATES).exists():
        return AppealNotYet(WAITS)
    return None


@transaction.atomic
def appeal_by_senior(*, submission_id: UUID, senior: User, text: str) -> CaseComment:
    """Raises PermissionDenied, AppealRefused."""
    require(senior, Right.OVERSEE)
    return _open(submission_id, text, senior, senior)


@transaction.atomic
def appeal_by_integration(*, submission_id: UUID, integration: Integration, text: str = "") -> CaseComment:
    """The caller has checked that it is the integration's submission. In the sandbox it is answered at once: the
    result stays. Raises AppealRefused."""
    return _open(submission_id, text, None, integration)


def _open(submission_id: UUID, text: str, author: User | None, actor: User | Integration) -> CaseComment:
    row = Submission.objects.select_for_update(no_key=True).get(pk=submission_id)
    if refusal := appeal_refusal(row):
        raise refusal
    appeal = CaseComment.objects.create(submission=row, author=author, text=text.strip(), is_appeal=True)
    audit.record(action="submission.appealed", actor=actor, target=row, detail={"result": row.result})
    if row.is_test:
        appeal_answered(row.pk)
        return appeal
    before = row.review_items.exclude(reason=ReviewItem.Reason.GOLD).order_by("pk").last()
    risk = Scoring.objects.filter(submission=row).values_list("risk", flat=True).first()
    item = ReviewItem(
        submission=row,
        reason=ReviewItem.Reason.APPEAL,
        masked_reason=before.shown_reason if before else ReviewItem.Reason.CHECKS,
        is_blind=True,
        risk=RISK_WITHOUT_VOTES if risk is None else risk,
        # Among the most urgent: the applicant has waited once already.
        queue_reason=ReviewItem.Reason.UNANIMOUS_FAKE,
        queue_risk=1.0,
    )
    try:
        with transaction.atomic():
            item.save()
    except IntegrityError as error:  # another process opened an item after the check: a constraint allows one
        raise AppealNotYet(WAITS) from error
    evidence_request([row.pk])
    audit.record(action="item.opened", target=item, detail={"reason": item.reason})
    return appeal


def appeal_answered(submission_id: UUID) -> None:
    """People have judged the picture again, so an appeal that waits is answered, whatever they said."""
    waiting = CaseComment.objects.filter(submission=submission_id, is_appeal=True, answered_at=None)
    if waiting.update(answered_at=Now()):
        event_record(submission=Submission.objects.get(pk=submission_id), kind=Kind.APPEAL_DECIDED)


def appeal_of(submission_id: UUID) -> CaseComment:
    """Raises CaseComment.DoesNotExist."""
    return CaseComment.objects.get(submission=submission_id, is_appeal=True)


def is_appealed(submission_id: UUID) -> bool:
    return CaseComment.objects.filter(submission=submission_id, is_appeal=True).exists()


def appeal_needs_another(*, item: ReviewItem, decision: Decision) -> bool:
    """Whether the answer to an appeal differs from the outcome, so that another person must judge, too."""
    if item.reason != ReviewItem.Reason.APPEAL or not settings.CORRECTIONS_NEED_TWO:
        return False
    return not Submission.objects.filter(
        pk=item.submission_id, result=RESULT_OF_LABEL[Decision.Label(decision.label)]
    ).exists()
