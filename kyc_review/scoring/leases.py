"""Which submissions a worker may score now. Rows are the truth; whatever dies, the lease runs out."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from kyc_review.submissions.models import State, Submission

WAITING = (State.RECEIVED, State.SCORING)


@transaction.atomic
def lease_batch(*, holder: str, limit: int) -> list[Submission]:
    """Lease up to `limit` due submissions, oldest first; a retried one comes alone.

    Alone, because an image that kills its worker must not spend the attempts of its neighbours. The attempt
    is counted here, before the work.
    """
    now = timezone.now()
    due = list(
        Submission.objects.select_for_update(skip_locked=True)
        .filter(state__in=WAITING, due_at__lte=now, attempts__lt=settings.SCORING_ATTEMPTS_MAX)
        .order_by("due_at")[:limit]
    )
    retried = [row for row in due if row.attempts]
    batch = retried[:1] or due
    Submission.objects.filter(pk__in=[row.pk for row in batch]).update(
        state=State.SCORING,
        lease_holder=holder,
        due_at=now + timedelta(seconds=settings.SCORING_LEASE_S),
        attempts=batch[0].attempts + 1 if batch else 0,
    )
    return batch


@transaction.atomic
def lease_fail(*, holder: str, submission_id: uuid.UUID, error: str) -> None:
    """Give a submission back after a failed attempt; it is due again after a growing pause.

    A lease that ran out meanwhile belongs to another worker: then nothing changes.
    """
    row = (
        Submission.objects.select_for_update()
        .filter(pk=submission_id, state=State.SCORING, lease_holder=holder)
        .first()
    )
    if row is None:
        return
    row.state, row.lease_holder, row.last_error = State.RECEIVED, "", error[:300]
    row.due_at = timezone.now() + timedelta(seconds=2**row.attempts)
    row.save(update_fields=["state", "lease_holder", "last_error", "due_at"])


def leases_end(*, holder_prefix: str) -> int:
    """Give back what a dead worker process held; called by its successor, which knows that it is dead."""
    return Submission.objects.filter(state=State.SCORING, lease_holder__startswith=holder_prefix).update(
        state=State.RECEIVED, lease_holder="", due_at=timezone.now()
    )
