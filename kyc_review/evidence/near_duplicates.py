"""Finds near-duplicates among all earlier submissions of the bank without reading them all."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Q, QuerySet

from kyc_review.core.db.statements import fetch_all
from kyc_review.evidence.models import Fingerprint, Likeness
from kyc_review.submissions.models import Submission
from kyc_review.submissions.state_changes import submissions_hold

# As measured in detection.forensics.phash, which the web process does not import.
NEAR_COARSE = 7
NEAR_FINE = 40
KEPT_MAX = 20
TWINS_MAX = 200
CANDIDATES_MAX = 4000
BANDS = 4
# Each band by itself, so that its index alone answers; joined by OR, Postgres would read the table for every picture
# that shares a band. UNION drops what several bands find.
NEAR_BY_BAND = """
    SELECT submission_id, bit_count((coarse # %(coarse)s::bigint)::bit(64)) AS bits_apart
    FROM evidence_fingerprint
    WHERE {band} = ANY(%({band})s::integer[]) AND bit_count((coarse # %(coarse)s::bigint)::bit(64)) <= %(bits)s
      AND submission_id <> %(own)s
"""
# The keys (`id`) of the known twins of the submission that a statement around it calls {submission}.
TWIN_KEYS = """
    SELECT earlier_id AS id FROM evidence_likeness WHERE submission_id = {submission}
    UNION ALL
    SELECT submission_id FROM evidence_likeness WHERE earlier_id = {submission}
"""
NEAR = " UNION ".join(NEAR_BY_BAND.format(band=f"band_{band}") for band in range(BANDS)) + (
    " ORDER BY bits_apart LIMIT %(most)s"
)


@transaction.atomic
def likenesses_find(*, submission: Submission) -> list[Likeness]:
    """Record which earlier submissions look like this one, nearest first, at most KEPT_MAX."""
    own = Fingerprint.objects.get(pk=submission.pk)
    found = [
        Likeness(submission=submission, earlier=other.submission, bits_apart=apart, same_file=same_file)
        for other, apart, same_file in _nearest(own, near(own))[:KEPT_MAX]
    ]
    # Nothing may lead to what was erased; an erasure that comes meanwhile waits, and then deletes what is written here.
    there = submissions_hold(row.earlier_id for row in found)
    kept = [row for row in found if row.earlier_id in there]
    return Likeness.objects.bulk_create(kept, ignore_conflicts=True)


@transaction.atomic
def twins_find_and_record(*, submission: Submission, to_change: bool = False) -> list[Submission]:
    """Every other submission with the same picture, received earlier or later, nearest first, at most TWINS_MAX.

    Pairs that were not known are recorded as likenesses. Empty without a fingerprint. `to_change`: the caller may
    change this submission or a twin in the same transaction.
    """
    own = Fingerprint.objects.select_related("submission").filter(pk=submission.pk).first()
    if own is None:
        return []
    found = _nearest(own, near(own, both_ways=True))[:TWINS_MAX]
    if not found:
        return []
    there = submissions_hold([other.pk for other, _, _ in found] + [own.pk], to_change=to_change)
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
        for other in rows
        if (apart := (int.from_bytes(other.fine, "big") ^ fine).bit_count()) <= NEAR_FINE
    ]
    return sorted(found, key=lambda row: (not row[2], row[1]))


def near(own: Fingerprint, *, both_ways: bool = False) -> QuerySet[Fingerprint]:
    """Earlier fingerprints (or later ones, too) whose coarse hash differs in at most NEAR_COARSE bits, with their
    submissions: none is missed up to CANDIDATES_MAX, few are read.

    A planted forgery is near nothing, and nothing is near it: the alert would name the picture that it was made of.
    """
    if own.submission.is_planted:
        return Fingerprint.objects.none()
    bands = {f"band_{band}": list(neighbours(own.coarse >> (16 * band) & 0xFFFF)) for band in range(BANDS)}
    wanted = {"coarse": own.coarse, "own": own.pk, "bits": NEAR_COARSE, "most": CANDIDATES_MAX}
    found = [pk for pk, _ in fetch_all(NEAR, bands | wanted)]
    in_time = Q() if both_ways else Q(submission__received_at__lte=own.submission.received_at)
    rows = Fingerprint.objects.filter(
        in_time, pk__in=found, submission__is_test=False, submission__is_planted=False
    )
    return rows.select_related("submission")


def neighbours(band: int) -> Iterator[int]:
    """A band of 16 bits and the 16 that differ from it in one bit."""
    yield band
    for bit in range(16):
        yield band ^ 1 << bit
