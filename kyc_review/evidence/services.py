"""The writers of evidence rows. The database is the truth; a message only says that there may be work."""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F, FilteredRelation, Q, QuerySet
from django.db.models.functions import Now

from kyc_review.core import leases, wake
from kyc_review.evidence.models import Evidence, Fingerprint
from kyc_review.evidence.near_duplicates import likenesses_find, twins_find_and_record
from kyc_review.submissions.state_changes import submissions_hold
from kyc_review.submissions.storage import derivatives

if TYPE_CHECKING:
    from detection.forensics.dossier import Dossier
    from detection.forensics.phash import Fingerprint as Hashes

log = logging.getLogger(__name__)
# Items that wait or are claimed: neither decided nor settling. Read from their times, because the enum of their states
# is in an app above this one.
UNDECIDED_ITEM = Q(
    submission__review_items__decided_at__isnull=True, submission__review_items__settles_at__isnull=True
)
SEARCHES_AT_ONCE = 300
MISSING_AGAIN_S = 60
UNFINISHED = (Evidence.State.WAITING, Evidence.State.WORKING)


def evidence_request(submission_ids: Iterable[uuid.UUID]) -> None:
    """Ask for the evidence of queued submissions, in the caller's transaction; idempotent."""
    rows = [Evidence(submission_id=pk) for pk in submission_ids]
    if rows:
        Evidence.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(wake.LIKENESSES.send)
        transaction.on_commit(wake.EVIDENCE.send)


def likenesses_search() -> int:
    """Look for the similar pictures of queued submissions whose hashes are known since their votes; how many.

    It takes milliseconds, so reviewers need not wait for the evidence to learn of them. Safe to repeat.
    """
    waiting = Evidence.objects.filter(
        state__in=UNFINISHED, likenesses_found_at=None, submission__fingerprint__isnull=False
    )
    rows = list(waiting.select_related("submission").order_by("pk")[:SEARCHES_AT_ONCE])
    for row in rows:
        twins_find_and_record(submission=row.submission)
        Evidence.objects.filter(pk=row.pk).update(likenesses_found_at=Now())
    return len(rows)


@transaction.atomic
def evidence_lease(*, holder: str) -> Evidence | None:
    """Lease the row that is needed first: what somebody holds, then the queue's order; None when none is due.

    The attempt is counted here, before the work.
    """
    row = (
        Evidence.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(leases.due(*UNFINISHED), attempts__lt=settings.EVIDENCE_ATTEMPTS_MAX)
        .annotate(item=FilteredRelation("submission__review_items", condition=UNDECIDED_ITEM))
        .order_by(
            F("item__claimed_at").asc(nulls_last=True),
            F("item__priority").asc(nulls_last=True),
            F("item__urgency").desc(nulls_last=True),
            "due_at",
        )
        .first()
    )
    if row is None:
        return None
    leases.take(row, holder, lease_s=settings.EVIDENCE_LEASE_S)
    row.state, row.attempts = Evidence.State.WORKING, row.attempts + 1
    row.save(update_fields=["state", "attempts", *leases.FIELDS])
    return row


def evidence_lease_renew(*, evidence: Evidence) -> None:
    """Keep the lease. One that was lost stays lost, and what this worker records then changes nothing."""
    _held(evidence).update(**leases.taken(evidence.lease_holder, lease_s=settings.EVIDENCE_LEASE_S))


def evidence_record(*, evidence: Evidence, dossier: "Dossier", elapsed_ms: float) -> bool:
    """Keep what was computed, if the lease still holds. Files first, row second: no row names a missing picture."""
    for name, (content, _) in dossier.pictures.items():
        derivatives.save(evidence.key_of(name), ContentFile(content))
    with transaction.atomic():
        # Before its evidence, as an erasure does, so that the two cannot wait for each other.
        submissions_hold([evidence.submission_id])
        changed = _held(evidence).update(
            state=Evidence.State.READY,
            lease_holder="",
            last_error="",
            facts=dossier.facts | {"failed": dossier.failed},
            pictures={name: kind for name, (_, kind) in dossier.pictures.items()},
            likenesses_found_at=Now(),
            computed_at=Now(),
            elapsed_ms=elapsed_ms,
        )
        if changed:
            hashes = {evidence.submission_id: dossier.fingerprint}
            boxes = {evidence.submission_id: dossier.facts.get("regions", {})}
            fingerprints_record(hashes, boxes)
            likenesses_find(submission=evidence.submission)
    return changed == 1


@transaction.atomic
def evidence_fail(*, evidence: Evidence, error: str) -> None:
    """Give a row back after a failed attempt: due again after a pause, or "could not be computed" after the last."""
    is_last = evidence.attempts >= settings.EVIDENCE_ATTEMPTS_MAX
    _held(evidence).update(
        state=Evidence.State.FAILED if is_last else Evidence.State.WAITING,
        last_error=error[:300],
        **leases.given_back(attempts=evidence.attempts),
    )


def evidence_postpone(*, evidence: Evidence) -> None:
    """Its original is missing, or the storage does not answer: not an attempt, and due again after MISSING_AGAIN_S."""
    _held(evidence).update(
        state=Evidence.State.WAITING,
        attempts=F("attempts") - 1,
        lease_holder="",
        due_at=Now() + timedelta(seconds=MISSING_AGAIN_S),
    )


def evidence_return(*, holder: str) -> int:
    """Give back at once what a living worker holds of a run that was broken off; no attempt is spent. How many."""
    held = leases.held(Evidence.objects.all(), state=Evidence.State.WORKING, holder=holder)
    return held.update(state=Evidence.State.WAITING, attempts=F("attempts") - 1, **leases.given_back())


def _held(evidence: Evidence) -> QuerySet[Evidence]:
    rows = Evidence.objects.filter(pk=evidence.pk)
    return leases.held(rows, state=Evidence.State.WORKING, holder=evidence.lease_holder)


def evidence_renew(*, evidence: Evidence) -> None:
    """Its pictures are missing from the storage: compute them again."""
    changed = Evidence.objects.filter(pk=evidence.pk, state=Evidence.State.READY).update(
        state=Evidence.State.WAITING, attempts=0, due_at=Now()
    )
    if changed:
        wake.EVIDENCE.send()


def evidence_give_up() -> int:
    """Close the rows whose last lease expired: each killed its worker, and review continues without it."""
    return Evidence.objects.filter(
        leases.due(*UNFINISHED), attempts__gte=settings.EVIDENCE_ATTEMPTS_MAX
    ).update(
        state=Evidence.State.FAILED, lease_holder="", last_error="The worker died during the computation."
    )


def fingerprints_record(
    hashes: "Mapping[uuid.UUID, Hashes]",
    close_ups: "Mapping[uuid.UUID, Mapping[str, Sequence[float]]] | None" = None,
) -> None:
    """Keep the perceptual hashes of submissions, and the boxes of their faces' parts; those that have theirs keep
    them."""
    Fingerprint.objects.bulk_create(
        (
            Fingerprint(
                submission_id=pk,
                coarse=signed(found.coarse),
                fine=found.fine.to_bytes(32, "big"),
                close_ups=(close_ups or {}).get(pk, {}),
            )
            for pk, found in hashes.items()
        ),
        ignore_conflicts=True,
    )


def signed(bits: int) -> int:
    """64 unsigned bits as the signed number that a database column holds."""
    return bits - (1 << 64) if bits >> 63 else bits
