"""A rejection reopens its cleared twins: the same picture under another reference must not stay cleared unseen.

An outcome writes a row that asks for the search (`twin_search_request`); a sweep finds the look-alikes, received
earlier and later, and opens an item for each of them that is cleared. It works the other way round, too: what is
cleared after its twin was rejected is looked at again. A submission is reopened once, so that verdicts which
contradict each other end as what the last person said.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.evidence.near_duplicates import twins_find_and_record
from kyc_review.evidence.services import evidence_request
from kyc_review.review.models import RISK_WITHOUT_VOTES, UNDECIDED_STATES, ReviewItem, TwinSearch
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Result, ResultReason, State, Submission

SEARCHES_PER_SWEEP = 300
CONTRARY = {Result.REJECTED: Result.CLEAR, Result.CLEAR: Result.REJECTED}


def twin_search_request(*, submission_id: UUID) -> None:
    """Ask that an outcome be compared with those of its look-alikes; in the transaction of the outcome."""
    twin_searches_request([submission_id])


def twin_searches_request(submission_ids: Iterable[UUID]) -> None:
    """`twin_search_request` for several outcomes in one statement."""
    if settings.TWINS_REOPEN:
        rows = [TwinSearch(submission_id=pk) for pk in submission_ids]
        TwinSearch.objects.bulk_create(rows, ignore_conflicts=True)


def twins_sweep() -> int:
    """Do the searches that were asked for; how many. A search that fails is tried again by the next sweep.

    What the models cleared waits while selfies wait for their votes: these searches are many and find little.
    """
    waiting = TwinSearch.objects.order_by("requested_at")
    if Submission.objects.filter(is_test=False, state__in=[State.RECEIVED, State.SCORING]).exists():
        waiting = waiting.exclude(submission__result_reason=ResultReason.MODELS_AGREE)
    return sum(_search(pk) for pk in list(waiting.values_list("pk", flat=True)[:SEARCHES_PER_SWEEP]))


@transaction.atomic
def _search(pk: UUID) -> bool:
    """False when another process does it, or has done it, or when it has to be done again later."""
    row = TwinSearch.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if row is None:
        return False
    own = Submission.objects.get(pk=pk)
    row.delete()
    if not settings.TWINS_REOPEN or own.erased_at or own.result not in CONTRARY:
        return True
    twins = twins_find_and_record(submission=own, to_change=True)
    contrary = [twin for twin in twins if twin.result == CONTRARY[Result(own.result)]]
    if own.result == Result.CLEAR:
        is_done = not contrary or _reopen(own.pk, rejected=contrary[0].pk)
    else:
        # One order, so that two searches cannot deadlock.
        reopened = [_reopen(twin.pk, rejected=own.pk) for twin in sorted(contrary, key=lambda twin: twin.pk)]
        is_done = all(reopened)
    if not is_done:
        twin_search_request(submission_id=pk)  # behind the others
    return is_done


def _reopen(submission_id: UUID, *, rejected: UUID) -> bool:
    """Open an item for a cleared submission, once; nothing happens while a person is to look at it anyway.

    False when that has to wait: an answer to a calibration item is no outcome, and a submission has one undecided item.
    """
    row = Submission.objects.select_for_update(no_key=True).get(pk=submission_id)
    if row.state != State.COMPLETED or row.result != Result.CLEAR or row.erased_at or is_reopened(row.pk):
        return True
    undecided = row.review_items.filter(state__in=UNDECIDED_STATES).first()
    if undecided is not None:
        # What the person says of any other item is an outcome, too, and asks for its own search.
        return undecided.reason != ReviewItem.Reason.GOLD
    risk = Scoring.objects.filter(submission=row).values_list("risk", flat=True).first()
    item = ReviewItem.objects.create(
        submission=row,
        reason=ReviewItem.Reason.TWIN_REJECTED,
        is_blind=True,
        risk=RISK_WITHOUT_VOTES if risk is None else risk,
        # Among the most urgent: the applicant may be using the account already.
        queue_reason=ReviewItem.Reason.UNANIMOUS_FAKE,
        queue_risk=1.0,
    )
    evidence_request([row.pk])
    detail = {"reason": item.reason, "rejected_twin": str(rejected)}
    audit.record(action="item.opened", target=item, detail=detail)
    return True


def is_reopened(submission_id: UUID) -> bool:
    """Whether it was looked at again, or is to be, because its twin was rejected."""
    return ReviewItem.objects.filter(
        submission=submission_id, reason=ReviewItem.Reason.TWIN_REJECTED
    ).exists()
