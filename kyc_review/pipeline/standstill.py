"""When scoring stands still, waiting selfies go to people; when it works again, unclaimed ones come back."""

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Least, Now

from kyc_review.audit import services as audit
from kyc_review.core.db.clock import database_now
from kyc_review.pipeline.unscorable import give_to_people
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.state import last_outcome_at, stands_still, waiting_too_long
from kyc_review.submissions.models import State, Submission

log = logging.getLogger(__name__)
STEP = 200  # rows of one transaction


@transaction.atomic
def standstill_route(*, limit: int = STEP) -> int:
    """Give to people what has waited too long while no selfie had an outcome; how many. Needs no scoring worker."""
    now = database_now()
    if not stands_still(now):
        return 0
    waiting = waiting_too_long(now).select_for_update(skip_locked=True).order_by("due_at")
    rows = list(waiting[:limit])
    give_to_people(rows, reason=ReviewItem.Reason.STANDSTILL)
    audit.record_many(
        audit.event(
            action="submission.standstill",
            target=row,
            detail={"waited_s": round((now - row.received_at).total_seconds()), "error": row.last_error},
        )
        for row in rows
    )
    if rows:
        log.error("scoring stands still: %d selfies were given to people", len(rows))
    return len(rows)


def standstill_items() -> QuerySet[ReviewItem]:
    """Items of a standstill that no person has taken, put aside, been promised or said anything about."""
    return ReviewItem.objects.filter(
        Q(reserved_until__isnull=True) | Q(reserved_until__lte=Now()),
        reason=ReviewItem.Reason.STANDSTILL,
        state=ReviewItem.State.OPEN,
        is_escalated=False,
        snoozed_until__isnull=True,
        decisions__isnull=True,
        first_calls__isnull=True,
        skips__isnull=True,
    )


@transaction.atomic
def standstill_take_back(*, limit: int = STEP) -> int:
    """Remove unclaimed items of a standstill from the queue and let their submissions be scored; returns how
    many.

    For a worker that has a bundle and nothing else to do. An item stays with people once it is claimed, kept for
    somebody, snoozed, escalated, skipped or called: each of these changes the same row, which is locked here. Until
    one selfie had an outcome since the standstill, only one item is tried, so that a worker that fails takes no work
    from people.
    """
    free = standstill_items()
    first = free.order_by("opened_at").first()
    if first is None:
        return 0
    last = last_outcome_at()
    tried = limit if last is not None and last > first.opened_at else 1
    items = list(free.select_for_update(skip_locked=True, of=("self",)).order_by("opened_at")[:tried])
    for item in items:
        item.delete()
    ids = [item.submission_id for item in items]
    # Attempts stay counted, up to one that is left: a selfie that fails again goes to a person and stays there.
    Submission.objects.filter(pk__in=ids, state=State.IN_REVIEW).update(
        state=State.RECEIVED,
        attempts=Least(F("attempts"), settings.SCORING_ATTEMPTS_MAX - 1),
        due_at=Now(),
        last_error="",
    )
    audit.record_many(
        audit.event(action="submission.scoring_resumed", target=Submission(pk=pk)) for pk in ids
    )
    return len(items)
