"""What erased submissions leave in snapshots and models: marks that are derived at read time,
so they cannot go stale.

A snapshot is marked because it holds an item whose submission is erased, a bundle because it, or one that it was
fine-tuned from, was trained on such a snapshot. Rows stay as they were frozen; the copies of the image go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from kyc_review.audit.models import Event
from kyc_review.core.permissions import may_see_retraining
from kyc_review.datasets import manifest
from kyc_review.datasets.models import Snapshot, SnapshotItem
from kyc_review.datasets.snapshot_files import file_remove
from kyc_review.registry.models import Bundle

if TYPE_CHECKING:
    from kyc_review.accounts.models import User
    from kyc_review.submissions.models import Submission

T = TypeVar("T")
ERASED = SnapshotItem.objects.filter(decision__submission__erased_at__isnull=False)
MARKED = Exists(ERASED.filter(snapshot=OuterRef("pk")))


@dataclass(frozen=True, slots=True)
class Mark:
    """A snapshot or a model holds `number` submissions that were erased, the first of them `since` then."""

    number: int
    since: datetime


def snapshot_marks(*, viewer: User, snapshots: Iterable[Snapshot]) -> dict[int, Mark]:
    """By key; only those that hold erased faces."""
    if not may_see_retraining(viewer):
        return {}
    wanted = {row.pk for row in snapshots}
    return {pk: _mark(held) for pk, held in _erased_by_snapshot().items() if pk in wanted}


def bundle_marks(*, viewer: User, bundles: Iterable[Bundle]) -> dict[int, Mark]:
    """By key; what a bundle was fine-tuned from counts, too."""
    return bundle_marks_unchecked(bundles) if may_see_retraining(viewer) else {}


def bundle_marks_unchecked(bundles: Iterable[Bundle]) -> dict[int, Mark]:
    """`bundle_marks` without a check of rights, for the command line."""
    held = _erased_by_snapshot()
    by_bundle = _spread(held) if held else {}
    return {row.pk: _mark(found) for row in bundles if (found := by_bundle.get(row.digest))}


def snapshot_mark_unchecked(snapshot: Snapshot) -> Mark | None:
    """`snapshot_marks` for one snapshot and the command line, without a check of rights."""
    held = _erased_by_snapshot(snapshot=snapshot).get(snapshot.pk)
    return _mark(held) if held else None


def images_erased(snapshot: Snapshot) -> set[str]:
    """SHA-256 of the images that only erased submissions of it had."""
    sha256 = "decision__submission__sha256"
    erased = set(ERASED.filter(snapshot=snapshot).values_list(sha256, flat=True))
    if not erased:
        return set()
    others = snapshot.items.filter(
        decision__submission__erased_at=None, decision__submission__sha256__in=erased
    )
    return erased - set(others.values_list(sha256, flat=True))


def snapshots_holding_unchecked(submission_id: UUID) -> QuerySet[Snapshot]:
    """Snapshots that hold the submission, whatever their state."""
    items = SnapshotItem.objects.filter(snapshot=OuterRef("pk"), decision__submission=submission_id)
    return Snapshot.objects.filter(Exists(items)).order_by("pk")


def bundles_holding_unchecked(submission_id: UUID) -> list[Bundle]:
    """Models that learned from it, whether it is erased yet or not."""
    held = {row.pk: {submission_id: None} for row in snapshots_holding_unchecked(submission_id)}
    digests = [digest for digest, found in _spread(held).items() if found]
    return list(Bundle.objects.filter(digest__in=digests).order_by("pk"))


def holders_of_submission(*, viewer: User, submission_id: UUID) -> tuple[list[Snapshot], list[Bundle]]:
    """The snapshots and bundles that hold the submission; none for people who may not see retraining."""
    if not may_see_retraining(viewer):
        return [], []
    return list(snapshots_holding_unchecked(submission_id)), bundles_holding_unchecked(submission_id)


def export_count(*, viewer: User, snapshot: Snapshot) -> int:
    """How often its images were downloaded or exported; erasure cannot reach those copies."""
    if not may_see_retraining(viewer):
        return 0
    about = Event.objects.filter(target_kind="snapshot", target_id=str(snapshot.pk))
    copied = about.filter(action="snapshot.exported") | about.filter(
        action="snapshot.downloaded", detail__what="archive"
    )
    return copied.count()


def image_copies_remove(submission: Submission) -> None:
    """Delete an erased image from every snapshot in which no other submission has the same one. Safe to repeat.

    Raises OSError.
    """
    for snapshot in snapshots_holding_unchecked(submission.pk):
        copy = manifest.image_path(sha256=submission.sha256, format=submission.format)
        others = snapshot.items.filter(
            decision__submission__erased_at=None, decision__submission__sha256=submission.sha256
        )
        # Also where no file is there: an interrupted removal may have left versions of it in a bucket.
        if not others.exists():
            file_remove(snapshot, copy)


def _mark(held: Mapping[UUID, datetime]) -> Mark:
    return Mark(number=len(held), since=min(held.values()))


def _erased_by_snapshot(snapshot: Snapshot | None = None) -> dict[int, dict[UUID, datetime]]:
    """Key of a snapshot -> erased submissions that it holds, and when they were erased."""
    found: dict[int, dict[UUID, datetime]] = defaultdict(dict)
    rows = ERASED.filter(snapshot=snapshot) if snapshot else ERASED
    for pk, submission, at in rows.values_list(
        "snapshot", "decision__submission", "decision__submission__erased_at"
    ):
        if at is not None:  # as the query asked
            found[pk][submission] = at
    return found


def _spread(held: Mapping[int, Mapping[UUID, T]]) -> dict[str, dict[UUID, T]]:
    """From snapshots (by key) to every bundle (by digest) trained on one, or descended from such a bundle."""
    snapshot_of = dict(Snapshot.objects.filter(pk__in=held).values_list("manifest_sha256", "pk"))
    origin: dict[str, Mapping[str, object]] = dict(Bundle.objects.values_list("digest", "provenance"))
    spread: dict[str, dict[UUID, T]] = {}
    for digest in origin:
        found: dict[UUID, T] = {}
        for ancestor in _line(origin, digest):
            sha256 = str(origin[ancestor].get("snapshot_sha256", ""))
            found |= held.get(snapshot_of.get(sha256, -1), {})
        spread[digest] = found
    return spread


def _line(origin: Mapping[str, Mapping[str, object]], digest: str) -> Iterator[str]:
    """The bundle, what its weights began from, and so on; it ends at one that began from scratch."""
    seen: set[str] = set()
    while digest in origin and digest not in seen:
        seen.add(digest)
        yield digest
        provenance = origin[digest]
        digest = "" if provenance.get("scratch") else str(provenance.get("trained_from_digest", ""))
