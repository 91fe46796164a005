"""Freezing decisions into a retraining set that `ml` can train on."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.retraining.models import Snapshot, SnapshotItem
from kyc_review.review.models import Decision
from kyc_review.submissions.storage import originals

FORMAT = "kyc-review/snapshot/1"
MANIFEST = "manifest.json"
CHUNK = 500
ATTEMPTS_MAX = 3
RETRY_S = 600  # longer than a large snapshot takes, so that two workers do not build one at once


class SnapshotFailed(Exception):
    """The set cannot be frozen or is not what it was; the text says which file and why."""


@transaction.atomic
def snapshot_request(*, name: str = "", actor: User | None = None) -> Snapshot:
    """Ask for a snapshot of all decisions made so far; the default worker builds it.

    Raises SnapshotFailed when there is nothing to freeze.
    """
    if not Decision.objects.exists():
        raise SnapshotFailed("There are no decisions yet; review some items first.")
    name = name or f"decisions-{timezone.now():%Y%m%d-%H%M%S}"
    if Snapshot.objects.filter(name=name).exists():
        raise SnapshotFailed(f"A snapshot called {name} exists; choose another name.")
    snapshot = Snapshot.objects.create(name=name, created_by=actor)
    audit.record(action="snapshot.requested", actor=actor, target=snapshot, detail={"name": name})
    return snapshot


def snapshot_build(*, snapshot: Snapshot) -> Snapshot:
    """Copy the originals, write the manifest, freeze. Raises SnapshotFailed and records why.

    The folder appears by one rename, with everything in it or not at all; a killed build leaves only a
    temporary folder, which the next build removes.
    """
    parent = snapshot.directory.parent
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in parent.glob(f".{snapshot.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f".{snapshot.name}."))
    try:
        return _freeze(snapshot, temporary)
    except SnapshotFailed as failure:
        Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.FAILED, error=str(failure)[:300])
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def snapshots_build_due() -> int:
    """Build what was asked for and is not built; the sweep calls this. Returns how many were built."""
    built = 0
    while snapshot := _take_due():
        try:
            snapshot_build(snapshot=snapshot)
            built += 1
        except SnapshotFailed:
            continue  # the row says why
    return built


def snapshot_verify(*, snapshot: Snapshot) -> int:
    """Hash everything again; returns the number of images. Raises SnapshotFailed at the first difference."""
    raw = (snapshot.directory / MANIFEST).read_bytes()
    if hashlib.sha256(raw).hexdigest() != snapshot.digest:
        raise SnapshotFailed(f"{snapshot.directory / MANIFEST} was changed after it was frozen.")
    items = json.loads(raw)["items"]
    for item in items:
        file = snapshot.directory / item["path"]
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != item["sha256"]:
            raise SnapshotFailed(f"{file} is missing or was changed after it was frozen.")
    return len(items)


def _take_due() -> Snapshot | None:
    """The oldest due snapshot, its attempt counted before the work."""
    with transaction.atomic():
        due = Snapshot.objects.select_for_update(skip_locked=True).filter(
            state=Snapshot.State.PENDING, due_at__lte=timezone.now()
        )
        spent = due.filter(attempts__gte=ATTEMPTS_MAX)
        spent.update(state=Snapshot.State.FAILED, error="The worker died each time it built this set.")
        snapshot = due.filter(attempts__lt=ATTEMPTS_MAX).order_by("pk").first()
        if snapshot is not None:
            Snapshot.objects.filter(pk=snapshot.pk).update(
                attempts=F("attempts") + 1, due_at=timezone.now() + timedelta(seconds=RETRY_S)
            )
        return snapshot


def _decisions(snapshot: Snapshot) -> QuerySet[Decision]:
    """In one fixed order; the request's time bounds the set, so that a retry freezes the same decisions."""
    return (
        Decision.objects.filter(decided_at__lte=snapshot.created_at)
        .select_related("item", "submission__integration", "submission__scoring")
        .prefetch_related("submission__scoring__votes")
        .order_by("pk")
    )


def _freeze(snapshot: Snapshot, folder: Path) -> Snapshot:
    (folder / "images").mkdir()
    counts = {"real": 0, "fake": 0}
    items, pks = [], []
    for decision in _decisions(snapshot).iterator(chunk_size=CHUNK):
        items.append(_item(decision, folder))
        counts[decision.label] += 1
        pks.append(decision.pk)
    manifest = {
        "format": FORMAT,
        "name": snapshot.name,
        "created_at": snapshot.created_at.isoformat(),
        "counts": counts,
        "items": items,
    }
    raw = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    with (folder / MANIFEST).open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    with transaction.atomic():
        SnapshotItem.objects.bulk_create(
            (SnapshotItem(snapshot=snapshot, decision_id=pk) for pk in pks), batch_size=CHUNK
        )
        snapshot.state, snapshot.ready_at, snapshot.error = Snapshot.State.READY, timezone.now(), ""
        snapshot.digest = hashlib.sha256(raw).hexdigest()
        snapshot.count_real, snapshot.count_fake = counts["real"], counts["fake"]
        snapshot.save()
        audit.record(
            action="snapshot.frozen", target=snapshot, detail={"digest": snapshot.digest, "counts": counts}
        )
        shutil.rmtree(snapshot.directory, ignore_errors=True)  # of a build killed between rename and commit
        os.rename(folder, snapshot.directory)
    return snapshot


def _item(decision: Decision, folder: Path) -> dict[str, Any]:
    """One line of the manifest; the original is copied and its hash compared with the one of its arrival."""
    submission = decision.submission
    name = f"images/{submission.sha256}.{'jpg' if submission.format == 'JPEG' else submission.format.lower()}"
    try:
        with originals.open(submission.image_key) as file:
            data = file.read()
    except OSError as error:
        raise SnapshotFailed(
            f"The original of submission {submission.pk} is missing: {error.strerror}"
        ) from error
    if hashlib.sha256(data).hexdigest() != submission.sha256:
        raise SnapshotFailed(f"The original of submission {submission.pk} was changed since it arrived.")
    (folder / name).write_bytes(data)
    scoring = getattr(submission, "scoring", None)
    return {
        "path": name,
        "sha256": submission.sha256,
        "label": decision.label,
        "submission": str(submission.pk),
        "applicant": submission.applicant_ref,
        "source": submission.integration.slug,
        "reason": decision.item.reason,
        "decided_at": decision.decided_at.isoformat(),
        "bundle": scoring.bundle_digest if scoring else None,
        "votes": list(_votes(scoring)) if scoring else [],
    }


def _votes(scoring: Any) -> Iterator[dict[str, Any]]:
    for vote in scoring.votes.all():
        yield {"member": vote.member, "probability": vote.probability, "threshold": vote.threshold}
