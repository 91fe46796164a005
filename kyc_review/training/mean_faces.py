"""The mean faces of a snapshot, one job for each ready snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
