"""Building a snapshot's files from its frozen items, in one pass and in little memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.translation import gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core import folders, leases
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.leases import Alive
from kyc_review.core.stored_texts import stored
from kyc_review.core.transfers import every, kept_alive
from kyc_review.datasets import manifest, snapshot_files
from kyc_review.datasets.label_quality import fake_probability
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_facts import Facts
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshot_pictures import SnapshotPictures
from kyc_review.review.models import ASSESSED_LABELS, Decision
from kyc_review.scoring.models import CheckResult, Vote
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.storage import originals

LEASE_S = 120
RENEW_S = 20
CHUNK_ROWS = 500
STAGED = "building"


# Snapshots keep these.
ROWS_MISSING = stored(gettext_noop("%(written)s were written, %(frozen)s were frozen: rows are missing."))
ALL_ERASED = stored(gettext_noop("All its submissions were erased before it was built."))
MISSING = stored(
    gettext_noop(
        "The original of submission %(submission)s is missing (%(file)s: %(error)s). Restore it; nothing was frozen."
    )
)
CHANGED = stored(
    gettext_noop(
        "The original of submission %(submission)s was changed since it arrived (%(file)s: SHA-256 %(found)s..., "
        "received as %(received)s...). Restore it; nothing was frozen."
    )
)


class LeaseLost(Exception):
    """Another process builds this snapshot; nothing was written."""


def build(snapshot: Snapshot, holder: str) -> None:
    """Copy originals and write the manifest, then record; whatever fails before that is no snapshot.

    In a local storage they are written in a temporary folder that is renamed. In any other, images go to their place at
    once and the manifest last: it makes them a snapshot, with the row.

    Raises SnapshotFailed when an original is missing or not what arrived, LeaseLost, StorageUnavailable, OSError.
    """
    leave_out_erased(snapshot)
    alive = every(RENEW_S, partial(_renew, snapshot, holder))
    with ExitStack() as stack:
        stack.enter_context(kept_alive(alive))
        if snapshot_files.is_in_place():
            staged = folders.staging(snapshot.directory.parent, f"{STAGED}-{snapshot.pk}-{holder}")
            folder = stack.enter_context(staged)
        else:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="snapshot-")))
        (folder / "images").mkdir(mode=0o700)
        images = _Images(snapshot, folder / "images")
        with folders.open_private(folder / manifest.NAME) as file:
            source = snapshot.source_bundle
            writer = manifest.Writer(
                file,
                name=snapshot.name,
                created_at=snapshot.created_at,
                source_bundle=source.version if source else None,
                choices=snapshot.choices,
            )
            found = Facts.of(snapshot)
            size_bytes = _write_items(snapshot, alive, images, writer, found)
            writer.close()
            size_bytes += file.tell()
            file.flush()
        expected = {Decision.Label.REAL: snapshot.count_real, Decision.Label.FAKE: snapshot.count_fake}
        if writer.counts != expected:
            raise SnapshotFailed(ROWS_MISSING % {"written": writer.counts, "frozen": expected})
        if images.are_in_place:
            os.sync()  # once for all images, instead of one fsync for each of 100,000
        else:
            _renew(snapshot, holder)
            snapshot_files.strays_remove(snapshot, keep=images.names)
            with open(folder / manifest.NAME, "rb") as whole:
                snapshot_files.manifest_save(snapshot, whole)
        _finish(snapshot, holder, folder, writer, size_bytes, found)


@transaction.atomic
def leave_out_erased(snapshot: Snapshot) -> None:
    """What was erased since the set was asked for is in no file of it. Raises SnapshotFailed when nothing is left."""
    gone = snapshot.items.filter(decision__submission__erased_at__isnull=False).delete()[0]
    if not gone:
        return
    for label in ASSESSED_LABELS:
        setattr(snapshot, f"count_{label}", snapshot.items.filter(decision__label=label).count())
    snapshot.save(update_fields=["count_real", "count_fake"])
    audit.record(action="snapshot.erased_left_out", target=snapshot, detail={"number": gone})
    if not snapshot.items.exists():
        raise SnapshotFailed(ALL_ERASED)


def _rows(snapshot: Snapshot) -> Iterator[Mapping[str, Any]]:
    """All that the manifest tells about each item, in its order, in one query whatever the size."""
    votes = (
        Vote.objects.filter(scoring__submission=OuterRef("decision__submission"))
        .order_by("position")
        .values(json=JSONObject(member="member", probability="probability", threshold="threshold"))
    )
    asked_for_a_person = CheckResult.objects.filter(
        submission=OuterRef("decision__submission"), action__in=[Action.REVIEW.value, Action.RESUBMIT.value]
    )
    rows = (
        snapshot.items.order_by("decision")
        .annotate(votes=ArraySubquery(votes), sent_by_checks=Exists(asked_for_a_person))
        .values(
            "votes",
            "sent_by_checks",
            label=F("decision__label"),
            decided_at=F("decision__decided_at"),
            reason=F("decision__item__reason"),
            submission=F("decision__submission"),
            sha256=F("decision__submission__sha256"),
            format=F("decision__submission__format"),
            image_key=F("decision__submission__image_key"),
            source=F("decision__submission__integration__slug"),
            bundle=F("decision__submission__scoring__bundle_version"),
            drawn_with=F("decision__submission__audit_draw__probability"),
            audited=F("decision__submission__audit_draw__outcome"),
        )
    )
    return rows.iterator(chunk_size=CHUNK_ROWS)


class _Images:
    """Where the images of a snapshot in the making go: into its folder, or into a storage that is not local."""

    def __init__(self, snapshot: Snapshot, folder: Path) -> None:
        self.snapshot, self.folder, self.are_in_place = snapshot, folder, snapshot_files.is_in_place()
        self.pictures = SnapshotPictures.begin(snapshot)
        self.names: set[str] = set()

    def write(self, name: str, content: bytes) -> int:
        """Bytes written: none when the same image was posted before."""
        if name in self.names:
            return 0
        self.names.add(name)
        if self.are_in_place:
            with folders.open_private(self.folder.parent / name) as file:
                self.pictures.write(BytesIO(content), file, name)
        else:
            snapshot_files.image_save(self.snapshot, name, content, self.pictures)
        return len(content)


def _write_items(
    snapshot: Snapshot, alive: Alive, images: _Images, writer: manifest.Writer, found: Facts
) -> int:
    """Every item's image and line; the images' size in bytes. The lease is renewed on the way."""
    size_bytes = 0
    for row in _rows(snapshot):
        path = manifest.image_path(sha256=row["sha256"], format=row["format"])
        size_bytes += images.write(path, _original(row))
        item = _item(row, path, found)
        writer.add(item)
        found.count(item)
        alive()
    return size_bytes


def _original(row: Mapping[str, Any]) -> bytes:
    """The original of an item, as it arrived. Raises SnapshotFailed."""
    try:
        content = originals.read(row["image_key"])
    except StorageUnavailable:  # says nothing about the original
        raise
    except OSError as error:
        raise SnapshotFailed(
            MISSING % {"submission": row["submission"], "file": row["image_key"], "error": error.strerror}
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != row["sha256"]:
        raise SnapshotFailed(
            CHANGED
            % {
                "submission": row["submission"],
                "file": row["image_key"],
                "found": sha256[:12],
                "received": row["sha256"][:12],
            }
        )
    return content


def _item(row: Mapping[str, Any], path: str, found: Facts) -> dict[str, Any]:
    applicant = found.groups.of[row["submission"]]
    return {
        "path": path,
        "sha256": row["sha256"],
        "label": row["label"],
        "submission": str(row["submission"]),
        "applicant": applicant,
        "holdout": manifest.is_held_out(applicant),
        "source": row["source"],
        "reason": row["reason"],
        "decided_at": manifest.timestamp(row["decided_at"]),
        "bundle": row["bundle"],
        "fake_probability": fake_probability(found.consensus, row["submission"], row["label"]),
        "weight": round(1 / (row["drawn_with"] or 1.0), 6),
        "audited": row["audited"],
        "sent_by_checks": row["sent_by_checks"],
        "votes": row["votes"],
    }


def _renew(snapshot: Snapshot, holder: str) -> None:
    if not held(snapshot, holder).update(**leases.taken(holder, lease_s=LEASE_S)):
        raise LeaseLost(f"Another process is building snapshot {snapshot.name} now.")


def held(snapshot: Snapshot, holder: str) -> QuerySet[Snapshot]:
    """The row while this holder builds it; none otherwise."""
    rows = Snapshot.objects.filter(pk=snapshot.pk)
    return leases.held(rows, state=Snapshot.State.BUILDING, holder=holder)


@transaction.atomic
def _finish(
    snapshot: Snapshot, holder: str, folder: Path, writer: manifest.Writer, size_bytes: int, found: Facts
) -> None:
    """The row first, uncommitted and so locked, then the rename. Killed between rename and commit, the next
    attempt replaces the folder by an equal one."""
    done = held(snapshot, holder).update(
        state=Snapshot.State.READY,
        lease_holder="",
        error="",
        digest=writer.digest,
        manifest_sha256=writer.sha256,
        size_bytes=size_bytes,
        facts=found.as_dict(),
        ready_at=timezone.now(),
    )
    if not done:
        raise LeaseLost(f"Another process is building snapshot {snapshot.name} now.")
    audit.record(
        action="snapshot.frozen",
        target=snapshot,
        detail={"digest": writer.digest, "manifest_sha256": writer.sha256, "counts": writer.counts},
    )
    if snapshot_files.is_in_place():
        folders.publish(folder, snapshot.directory)
