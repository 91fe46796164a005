"""Asking for a snapshot: which decisions it holds, who may build it, and what became of it."""

from __future__ import annotations

import logging
import re
import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core import folders, leases, wake
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.permissions import Right, require_of_actor
from kyc_review.core.stored_texts import shown, stored
from kyc_review.datasets import erasure_marks, manifest, snapshot_builder, snapshot_files
from kyc_review.datasets.models import Snapshot, SnapshotItem
from kyc_review.datasets.snapshot_builder import LEASE_S, LeaseLost
from kyc_review.datasets.snapshot_files import SnapshotFailed, manifest_verify
from kyc_review.datasets.snapshot_filters import ALL_FINAL, SnapshotFilter
from kyc_review.datasets.snapshot_pictures import SnapshotPictures
from kyc_review.encryption.keys import difference
from kyc_review.registry.selectors import champion
from kyc_review.review.models import Decision
from kyc_review.submissions.storage_identity import storage_identity_check

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

log = logging.getLogger(__name__)
ATTEMPTS_MAX = 3
UNFINISHED = (Snapshot.State.PENDING, Snapshot.State.BUILDING)
# Snapshots and trainings by the calendar keep these.
EXISTS = stored(gettext_noop("A snapshot called %(name)s exists; choose another name."))
NO_DECISIONS = stored(gettext_noop("There are no decisions yet; review some items first."))
UNAVAILABLE = stored(
    gettext_noop("The storage of the originals does not answer; the snapshot is built when it does.")
)
UNAVAILABLE_AGAIN_S = 60
DISK_FAILED = stored(gettext_noop("Writing to disk failed: %(error)s"))
STOPPED = stored(
    gettext_noop(
        "Building stopped %(number)s times: a worker died or met an unexpected error, which is in its log."
    )
)
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


def snapshot_request(*, name: str = "", actor: User | None, choices: SnapshotFilter = ALL_FINAL) -> Snapshot:
    """Freeze which decisions belong to a new snapshot; the default worker builds its files.

    Raises PermissionDenied; SnapshotFailed when nothing of what is chosen is decided yet, or the name is taken
    or unfit.
    """
    snapshot = _freeze(name, actor, choices, holder="")
    transaction.on_commit(wake.SNAPSHOTS.send)
    return snapshot


def snapshot_create(
    *, name: str = "", actor: User | None = None, choices: SnapshotFilter = ALL_FINAL
) -> Snapshot:
    """Ask for a snapshot and build it here and now. Raises PermissionDenied, SnapshotFailed."""
    holder = uuid.uuid4().hex
    return _build(_freeze(name, actor, choices, holder=holder), holder)


def snapshot_build(*, snapshot: Snapshot) -> Snapshot:
    """Build a snapshot that waits. Raises SnapshotFailed; LeaseLost when somebody else builds it."""
    holder = uuid.uuid4().hex
    if not _lease(snapshot.pk, holder):
        raise LeaseLost(f"Snapshot {snapshot.name} is finished or being built by another process.")
    return _build(snapshot, holder)


def snapshots_build_due() -> int:
    """Build what waits, and what a worker died of building; returns how many became ready. Safe to repeat."""
    for spent in _fail_spent():
        _images_forget(spent)
    built = 0
    for snapshot in Snapshot.objects.filter(_due()).order_by("pk"):
        try:
            snapshot_build(snapshot=snapshot)
            built += 1
        except (SnapshotFailed, LeaseLost):
            continue  # the row says why, or its holder will
        except Exception:
            log.exception("snapshot %s was not built; the next sweep tries again", snapshot.name)
    leftovers_remove()
    return built


def snapshot_verify(*, snapshot: Snapshot) -> int:
    """Hash everything again; returns the number of items. Raises SnapshotFailed at the first difference.

    An image whose submission was erased since may be gone; that is no difference.
    """
    erased = erasure_marks.images_erased(snapshot)
    try:
        manifest_verify(snapshot=snapshot)
        with snapshot_files.file_open(snapshot) as file:
            pictures = SnapshotPictures.of(snapshot)
            return sum(_is_as_frozen(snapshot, item, erased, pictures) for item in manifest.items(file))
    except OSError as error:
        raise SnapshotFailed(f"{error.filename} cannot be read: {error.strerror}.") from error


def _is_as_frozen(
    snapshot: Snapshot, item: dict[str, Any], erased: set[str], pictures: SnapshotPictures
) -> bool:
    try:
        if snapshot_files.image_sha256(snapshot, item["path"], pictures) == item["sha256"]:
            return True
    except FileNotFoundError:
        if item["sha256"] in erased:
            return True
    raise snapshot_files.not_as_frozen(snapshot, item["path"])


def snapshot_export(*, snapshot: Snapshot, folder: Path, actor: User | None = None) -> Path:
    """Leave a copy in `folder`/<name>, complete or not at all. Raises SnapshotFailed, OSError."""
    place = folder / snapshot.name
    if place.exists():
        raise SnapshotFailed(f"{place} exists; choose another folder.")
    with folders.staging(folder, f"{snapshot.name}.{uuid.uuid4().hex}") as staged:
        with (
            snapshot_files.file_open(snapshot) as source,
            folders.open_private(staged / manifest.NAME) as file,
        ):
            shutil.copyfileobj(source, file)
        _pictures_export(snapshot, staged)
        folders.publish(staged, place)
    audit.record(action="snapshot.exported", actor=actor, target=snapshot, detail={"folder": str(folder)})
    return place


def _pictures_export(snapshot: Snapshot, folder: Path) -> None:
    """Decrypted: who gets the copy has no key of this installation."""
    pictures = SnapshotPictures.of(snapshot)
    (folder / "images").mkdir(mode=0o700)
    for name in snapshot_files.image_names(snapshot):
        try:
            source = snapshot_files.file_open(snapshot, name)
        except FileNotFoundError:  # erased since
            continue
        with source, folders.open_private(folder / name) as file:
            file.writelines(pictures.pieces(source, name))


def leftovers_remove() -> None:
    """Remove half-built folders of a local storage whose builder no longer holds the row."""
    if not snapshot_files.is_in_place():
        return
    root = Path(snapshot_files.storage().path(""))
    staged = list(root.glob(f".{snapshot_builder.STAGED}-*"))
    if not staged:
        return
    held = set(Snapshot.objects.filter(state=Snapshot.State.BUILDING).values_list("lease_holder", flat=True))
    for folder in staged:
        if folder.name.removesuffix(".stale").rpartition("-")[2] not in held:
            shutil.rmtree(folder, ignore_errors=True)


@transaction.atomic
def _freeze(name: str, actor: User | None, choices: SnapshotFilter, *, holder: str) -> Snapshot:
    """The row and its items; with a holder, leased to it from the start."""
    require_of_actor(actor, Right.FREEZE)
    name = name or f"decisions-{timezone.now():%Y%m%d-%H%M%S}"
    if not NAME.fullmatch(name):
        raise SnapshotFailed(
            gettext("%(name)s is not a valid name: use up to 60 of a-z, 0-9 and hyphens.")
            % {"name": repr(name)}
        )
    chosen = choices.as_dict()
    snapshot = Snapshot(name=name, created_by=actor, source_bundle=champion(), choices=chosen)
    if holder:
        leases.take(snapshot, holder, lease_s=LEASE_S)
        snapshot.state, snapshot.attempts = Snapshot.State.BUILDING, 1
    try:
        with transaction.atomic():
            snapshot.save(force_insert=True)
    except IntegrityError as error:
        raise SnapshotFailed(shown(EXISTS % {"name": name})) from error
    # Django has no INSERT ... SELECT, and the rows may be 100,000: they need not pass through Python.
    chosen_sql, values = choices.decisions().order_by("pk").values("pk").query.sql_with_params()
    freeze = "INSERT INTO datasets_snapshotitem (snapshot_id, decision_id) SELECT %s, id FROM"
    with connection.cursor() as cursor:
        cursor.execute(f"{freeze} ({chosen_sql}) chosen (id)", [snapshot.pk, *values])
    counts = SnapshotItem.objects.filter(snapshot=snapshot).aggregate(
        real=Count("pk", filter=Q(decision__label=Decision.Label.REAL)),
        fake=Count("pk", filter=Q(decision__label=Decision.Label.FAKE)),
    )
    if not any(counts.values()):
        raise SnapshotFailed(
            gettext("No decisions match these filters; choose wider ones.") if chosen else shown(NO_DECISIONS)
        )
    snapshot.count_real, snapshot.count_fake = counts["real"], counts["fake"]
    snapshot.save(update_fields=["count_real", "count_fake"])
    audit.record(
        action="snapshot.requested",
        actor=actor,
        target=snapshot,
        detail={"name": name, "counts": counts} | ({"choices": chosen} if chosen else {}),
    )
    return snapshot


def _due() -> Q:
    return leases.due(*UNFINISHED) & Q(attempts__lt=ATTEMPTS_MAX)


def _lease(pk: int, holder: str) -> bool:
    """Take the row if it is due, counting the attempt before the work."""
    taken = Snapshot.objects.filter(_due(), pk=pk).update(
        state=Snapshot.State.BUILDING, attempts=F("attempts") + 1, **leases.taken(holder, lease_s=LEASE_S)
    )
    return taken == 1


def _build(snapshot: Snapshot, holder: str) -> Snapshot:
    held = snapshot_builder.held(snapshot, holder)
    try:
        storage_identity_check()
        if text := difference():
            raise StorageUnavailable(snapshot.name, text)
        snapshot_builder.build(snapshot, holder)
    except StorageUnavailable as unavailable:  # nothing is known of the originals; later, and not an attempt
        log.error("snapshot %s waits: %s", snapshot.name, unavailable.strerror)
        due_at = Now() + timedelta(seconds=UNAVAILABLE_AGAIN_S)
        held.update(state=Snapshot.State.PENDING, attempts=F("attempts") - 1, lease_holder="", due_at=due_at)
        raise SnapshotFailed(str(UNAVAILABLE)) from unavailable
    except (SnapshotFailed, OSError) as failure:
        if held.exists():
            _images_forget(snapshot)
        reason = failure if isinstance(failure, SnapshotFailed) else DISK_FAILED % {"error": failure}
        with transaction.atomic():
            if held.update(state=Snapshot.State.FAILED, lease_holder="", error=str(reason)[:300]):
                audit.record(action="snapshot.failed", target=snapshot, detail={"error": str(reason)[:300]})
        raise SnapshotFailed(str(reason)) from failure
    except LeaseLost:
        _images_of_loser_forget(snapshot)
        raise
    except BaseException:  # stopped, not failed: the next sweep begins again
        held.update(state=Snapshot.State.PENDING, **leases.given_back())
        raise
    return Snapshot.objects.get(pk=snapshot.pk)


def _images_forget(snapshot: Snapshot) -> None:
    """What a builder that fails has put into a storage that is not local; a temporary folder goes by itself."""
    if snapshot_files.is_in_place():
        return
    try:
        snapshot_files.strays_remove(snapshot, keep=set())
    except OSError as error:
        log.warning("files of snapshot %s, which failed, are left in the storage: %s", snapshot.name, error)


def _images_of_loser_forget(snapshot: Snapshot) -> None:
    """A builder that lost its lease may have put an image there after the next one had finished without it, because it
    was erased. While another still builds, that one cleans up."""
    row = Snapshot.objects.get(pk=snapshot.pk)
    if not snapshot_files.is_in_place() and row.state == Snapshot.State.READY:
        snapshot_files.strays_remove(row, keep=set(snapshot_files.image_names(row)))


@transaction.atomic
def _fail_spent() -> list[Snapshot]:
    spent = Snapshot.objects.select_for_update(skip_locked=True).filter(
        leases.due(*UNFINISHED), attempts__gte=ATTEMPTS_MAX
    )
    for snapshot in spent:
        snapshot.state, snapshot.lease_holder = Snapshot.State.FAILED, ""
        snapshot.error = STOPPED % {"number": snapshot.attempts}
        snapshot.save(update_fields=["state", "lease_holder", "error"])
        audit.record(action="snapshot.failed", target=snapshot, detail={"error": snapshot.error})
    return list(spent)
