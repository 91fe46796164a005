"""The mean faces of a snapshot, one job for each ready snapshot. Their pictures are in the storage `means`, encrypted
with the key of the snapshot: where it is local, in the folder that the job writes them to."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from kyc_review.core.leases import Alive
from kyc_review.core.local_copies import is_local
from kyc_review.core.permissions import may_see_retraining
from kyc_review.datasets.models import Snapshot
from kyc_review.training.models import MeanFaces

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def mean_faces_of(*, viewer: User, snapshot: Snapshot) -> MeanFaces | None:
    """The snapshot's mean faces: those of enough people have a picture. None before it is ready."""
    if not may_see_retraining(viewer):
        return None
    return MeanFaces.objects.filter(snapshot=snapshot).first()


def mean_faces_request_missing() -> int:
    """Ask for the mean faces of each ready snapshot that has none yet; how many that were. Safe to repeat."""
    waiting = Snapshot.objects.filter(state=Snapshot.State.READY, means=None).order_by("pk")
    made = [MeanFaces.objects.get_or_create(snapshot=snapshot)[1] for snapshot in waiting]
    return sum(made)


def face_open(means: MeanFaces, name: str) -> BinaryIO:
    """A picture as it is stored, encrypted or not. Raises OSError."""
    return cast(BinaryIO, storage().open(key_of(means, name)).file)


def face_names(means: MeanFaces) -> list[str]:
    """What the storage has of them, sorted. Raises OSError."""
    with suppress(FileNotFoundError):
        return sorted(storage().listdir(key_of(means))[1])
    return []


def faces_store(means: MeanFaces, *, alive: Alive) -> None:
    """Put what the job wrote into a storage that is not local; `alive` is called before each. Raises OSError."""
    if is_local(storage()):
        return
    for path in sorted(means.output.glob("*.png")):
        alive()
        with open(path, "rb") as file:
            storage().save(key_of(means, path.name), File(file))


def faces_remove(means: MeanFaces) -> None:
    """Delete all pictures. Safe to repeat. Raises OSError."""
    shutil.rmtree(means.output, ignore_errors=True)
    if not is_local(storage()):
        cast(Any, storage()).delete_below(key_of(means))


def storage() -> Storage:
    return storages["means"]


def key_of(means: MeanFaces, name: str = "") -> str:
    return f"{means.pk}/faces/{name}".rstrip("/")
