"""Finds near-duplicates among all earlier submissions of the bank without reading them all."""

from collections.abc import Iterator
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value

from kyc_review.evidence.models import BitsApart, Fingerprint, Likeness
from kyc_review.submissions.models import Submission

# As measured in detection.forensics.phash, which the web process does not import.
NEAR_COARSE = 7
NEAR_FINE = 40
KEPT_MAX = 20
CANDIDATES_MAX = 2000


@transaction.atomic
def likenesses_find(*, submission: Submission) -> list[Likeness]:
    """Record which earlier submissions look like this one, nearest first, at most KEPT_MAX."""
    own = Fingerprint.objects.get(pk=submission.pk)
    fine = int.from_bytes(own.fine, "big")
    found = []
    for other in (
        near(own)
        .select_related("submission")
        .only("fine", "submission__sha256", "submission__received_at")[:CANDIDATES_MAX]
    ):
        apart = (int.from_bytes(other.fine, "big") ^ fine).bit_count()
        if apart <= NEAR_FINE:
            same = other.submission.sha256 == submission.sha256
            found.append(
                Likeness(submission=submission, earlier=other.submission, bits_apart=apart, same_file=same)
            )
    found.sort(key=lambda row: (not row.same_file, row.bits_apart))
    there = _held([row.earlier_id for row in found[:KEPT_MAX]])
    kept = [row for row in found[:KEPT_MAX] if row.earlier_id in there]
    return Likeness.objects.bulk_create(kept, ignore_conflicts=True)


def _held(submissions: list[UUID]) -> set[UUID]:
    """Those that are not erased, until the caller's transaction ends: nothing may lead to what was erased, and an
    erasure that comes meanwhile waits, and then deletes what is written here."""
    rows = Submission.objects.filter(pk__in=submissions, erased_at=None).order_by("pk")
    return set(rows.select_for_update(no_key=True).values_list("pk", flat=True))


def near(own: Fingerprint) -> QuerySet[Fingerprint]:
    """Earlier fingerprints whose coarse hash differs in at most NEAR_COARSE bits: none is missed, few are read."""
    bands = Q()
    for band in range(4):
        value = own.coarse >> (16 * band) & 0xFFFF
        bands |= Q(**{f"band_{band}__in": list(neighbours(value))})
    return (
        Fingerprint.objects.filter(
            bands, submission__is_test=False, submission__received_at__lte=own.submission.received_at
        )
        .exclude(pk=own.pk)
        .annotate(bits_apart=BitsApart(F("coarse"), Value(own.coarse)))
        .filter(bits_apart__lte=NEAR_COARSE)
        .order_by("bits_apart")
    )


def neighbours(band: int) -> Iterator[int]:
    """A band of 16 bits and the 16 that differ from it in one bit."""
    yield band
    for bit in range(16):
        yield band ^ 1 << bit
