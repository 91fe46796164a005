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
TWINS_MAX = 200
CANDIDATES_MAX = 2000


@transaction.atomic
def likenesses_find(*, submission: Submission) -> list[Likeness]:
    """Record which earlier submissions look like this one, nearest first, at most KEPT_MAX."""
    own = Fingerprint.objects.get(pk=submission.pk)
    found = [
        Likeness(submission=submission, earlier=other.submission, bits_apart=apart, same_file=same_file)
        for other, apart, same_file in _nearest(own, near(own))[:KEPT_MAX]
    ]
    there = _held([row.earlier_id for row in found])
    kept = [row for row in found if row.earlier_id in there]
    return Likeness.objects.bulk_create(kept, ignore_conflicts=True)


@transaction.atomic
def twins_of(*, submission: Submission) -> list[Submission]:
    """Every other submission with the same picture, received earlier or later, nearest first, at most TWINS_MAX.

    Pairs that were not known are recorded as likenesses. Empty without a fingerprint.
    """
    own = Fingerprint.objects.select_related("submission").filter(pk=submission.pk).first()
    if own is None:
        return []
    found = _nearest(own, near(own, both_ways=True))[:TWINS_MAX]
    there = _held([other.pk for other, _, _ in found] + [own.pk])
    if own.pk not in there:
        return []
    kept = [(other.submission, apart, same) for other, apart, same in found if other.pk in there]
    rows = []
    for other, apart, same_file in kept:
        earlier, later = sorted((own.submission, other), key=lambda row: (row.received_at, row.pk))
        rows.append(Likeness(submission=later, earlier=earlier, bits_apart=apart, same_file=same_file))
    known = {
        frozenset(pair)
        for pair in Likeness.objects.filter(Q(submission=own.pk) | Q(earlier=own.pk)).values_list(
            "submission_id", "earlier_id"
        )
    }
    new = [row for row in rows if frozenset((row.submission_id, row.earlier_id)) not in known]
    Likeness.objects.bulk_create(new, ignore_conflicts=True)
    return [other for other, _, _ in kept]


def _nearest(own: Fingerprint, rows: QuerySet[Fingerprint]) -> list[tuple[Fingerprint, int, bool]]:
    """(fingerprint with its submission, bits apart, whether both files are the same): same files first."""
    fine = int.from_bytes(own.fine, "big")
    sha256 = own.submission.sha256
    found = [
        (other, apart, other.submission.sha256 == sha256)
        for other in rows.select_related("submission")[:CANDIDATES_MAX]
        if (apart := (int.from_bytes(other.fine, "big") ^ fine).bit_count()) <= NEAR_FINE
    ]
    return sorted(found, key=lambda row: (not row[2], row[1]))


def _held(submissions: list[UUID]) -> set[UUID]:
    """Those that are not erased, until the caller's transaction ends: nothing may lead to what was erased, and an
    erasure that comes meanwhile waits, and then deletes what is written here."""
    rows = Submission.objects.filter(pk__in=submissions, erased_at=None).order_by("pk")
    return set(rows.select_for_update(no_key=True).values_list("pk", flat=True))


def near(own: Fingerprint, *, both_ways: bool = False) -> QuerySet[Fingerprint]:
    """Earlier fingerprints (or later ones, too) whose coarse hash differs in at most NEAR_COARSE bits: none is missed,
    few are read."""
    bands = Q()
    for band in range(4):
        value = own.coarse >> (16 * band) & 0xFFFF
        bands |= Q(**{f"band_{band}__in": list(neighbours(value))})
    in_time = Q() if both_ways else Q(submission__received_at__lte=own.submission.received_at)
    return (
        Fingerprint.objects.filter(bands, in_time, submission__is_test=False)
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
