"""Submissions that get no votes go to people: no error can clear one."""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from kyc_review.audit import services as audit
from kyc_review.core import leases
from kyc_review.review.models import RISK_WITHOUT_VOTES, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.scoring.state import NOT_YET_SCORED
from kyc_review.submissions.events import events_record
from kyc_review.submissions.models import State, Submission
from kyc_review.webhooks.models import Kind


@transaction.atomic
def unscorable_route(*, limit: int = 100) -> int:
    """Send to a person what failed `SCORING_ATTEMPTS_MAX` times and whose last lease has run out.

    Doubt routes to a human: no error can clear a submission. Returns how many were routed.
    """
    spent = list(
        Submission.objects.select_for_update(skip_locked=True).filter(
            leases.due(*NOT_YET_SCORED), is_test=False, attempts__gte=settings.SCORING_ATTEMPTS_MAX
        )[:limit]
    )
    give_to_people(spent, reason=ReviewItem.Reason.UNSCORABLE)
    audit.record_many(
        audit.event(
            action="submission.unscorable",
            target=row,
            detail={"attempts": row.attempts, "error": row.last_error or "The worker died while scoring it."},
        )
        for row in spent
    )
    return len(spent)


def give_to_people(rows: Sequence[Submission], *, reason: str) -> None:
    """Queue locked submissions that have no verdict, in the caller's transaction."""
    ids = [row.pk for row in rows]
    Submission.objects.filter(pk__in=ids, state__in=NOT_YET_SCORED).update(
        state=State.IN_REVIEW, lease_holder=""
    )
    items_open([(pk, reason, RISK_WITHOUT_VOTES) for pk in ids])
    events_record(submission_ids=ids, kind=Kind.QUEUED)
