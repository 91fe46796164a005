"""Which submissions a worker may score now. Rows are the truth; whatever dies, the lease runs out."""

import logging
import os
import uuid
from collections.abc import Collection
from datetime import timedelta
from itertools import accumulate

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from detection.decoding.limits import DECODE_MAX_SIDE
from kyc_review.core import leases
from kyc_review.scoring.state import NOT_YET_SCORED, ORIGINAL_MISSING
from kyc_review.submissions.models import State, Submission

log = logging.getLogger(__name__)
MISSING_AGAIN_S = 60
# Of the pictures of a batch as they are scored. 4 bytes each, and two batches are in memory at once.
BATCH_PIXELS_MAX = 26_000_000


@transaction.atomic
def lease_batch(*, holder: str, limit: int) -> list[Submission]:
    """Lease up to `limit` due submissions, oldest first; a retried one comes alone.

    Alone, because an image that kills its worker must not spend the attempts of its neighbours. Fewer, if they are so
    large that they would take too much memory. The attempt is counted here, before the work.
    """
    due = list(
        Submission.objects.select_for_update(skip_locked=True)
        .filter(leases.due(*NOT_YET_SCORED), is_test=False, attempts__lt=settings.SCORING_ATTEMPTS_MAX)
        .order_by("due_at")[:limit]
    )
    retried = [row for row in due if row.attempts]
    batch = retried[:1] or _fitting(due)
    Submission.objects.filter(pk__in=[row.pk for row in batch]).update(
        state=State.SCORING,
        **leases.taken(holder, lease_s=settings.SCORING_LEASE_S),
        attempts=batch[0].attempts + 1 if batch else 0,
    )
    return batch


def _fitting(rows: list[Submission]) -> list[Submission]:
    """The first of them, and as many after it as BATCH_PIXELS_MAX allows."""
    sums = accumulate(_scored_pixels(row) for row in rows)
    return [
        row for row, pixels in zip(rows, sums, strict=True) if row is rows[0] or pixels <= BATCH_PIXELS_MAX
    ]


def _scored_pixels(row: Submission) -> float:
    """At most: a picture that is larger than DECODE_MAX_SIDE is reduced."""
    return row.width * row.height * min(1.0, DECODE_MAX_SIDE / max(row.width, row.height)) ** 2


def is_busy() -> bool:
    """Whether a selfie waits for its votes or is being scored; low-priority work should yield while this is true."""
    waiting = Q(state=State.RECEIVED, due_at__lte=Now()) | Q(state=State.SCORING, due_at__gt=Now())
    return Submission.objects.filter(waiting, is_test=False).exists()


@transaction.atomic
def lease_fail(*, holder: str, submission_id: uuid.UUID, error: str) -> None:
    """Give a submission back after a failed attempt; it is due again after a growing pause.

    A lease that ran out meanwhile belongs to another worker: then nothing changes.
    """
    rows = Submission.objects.select_for_update().filter(pk=submission_id)
    row = leases.held(rows, state=State.SCORING, holder=holder).first()
    if row is None:
        return
    Submission.objects.filter(pk=row.pk).update(
        state=State.RECEIVED, last_error=error[:300], **leases.given_back(attempts=row.attempts)
    )


def lease_postpone(*, holder: str, submission_ids: Collection[uuid.UUID]) -> None:
    """Give back submissions whose originals cannot be read now: not an attempt, and due again after MISSING_AGAIN_S.

    A person could not see them either, so they wait for the storage; the log and `/metrics` call for help.
    """
    if not submission_ids:
        return
    rows = leases.held(Submission.objects.filter(pk__in=submission_ids), state=State.SCORING, holder=holder)
    number = rows.update(
        state=State.RECEIVED,
        attempts=F("attempts") - 1,
        last_error=ORIGINAL_MISSING,
        lease_holder="",
        due_at=Now() + timedelta(seconds=MISSING_AGAIN_S),
    )
    log.error(
        "the originals of %d submissions are missing, cannot be read or cannot be decrypted; they wait",
        number,
    )


def leases_return(*, holder: str) -> int:
    """Give back at once what a worker that stops has leased and not begun; no attempt is spent. Returns how many."""
    held = leases.held(Submission.objects.all(), state=State.SCORING, holder=holder)
    return held.update(state=State.RECEIVED, attempts=F("attempts") - 1, **leases.given_back())


def leases_renew(*, holder: str) -> None:
    """Keep what a worker holds and nothing has taken from it."""
    held = leases.held(Submission.objects.all(), state=State.SCORING, holder=holder)
    held.update(**leases.taken(holder, lease_s=settings.SCORING_LEASE_S))


def leases_end_of_dead(*, holder: str) -> int:
    """Give back at once what worker processes of this host held when they died. Returns the number of rows.

    A holder is named `<host>:<pid>:<random>`. Were one judged dead wrongly (two hosts of one name), its late
    verdict would lose against the guarded write; nothing worse.
    """
    host, own_pid, _ = holder.split(":")
    held = Submission.objects.filter(state=State.SCORING, lease_holder__startswith=f"{host}:")
    dead = [
        name
        for name in held.values_list("lease_holder", flat=True).distinct()
        if name != holder and (name.split(":")[1] == own_pid or not _exists(int(name.split(":")[1])))
    ]
    return held.filter(lease_holder__in=dead).update(state=State.RECEIVED, **leases.given_back())


def _exists(pid: int) -> bool:
    """Whether a process of this number exists, seen from this process' own pid namespace."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
