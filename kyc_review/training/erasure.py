"""What the erasure of a submission means for jobs: nothing learns from, or is measured on, what was erased."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from kyc_review.audit import services as audit
from kyc_review.core.stored_texts import shown, stored
from kyc_review.core.wake import TRAINING
from kyc_review.datasets.erasure_marks import snapshot_mark_unchecked, snapshots_holding_unchecked
from kyc_review.datasets.models import Snapshot
from kyc_review.training.jobs import JobRefused, job_stop
from kyc_review.training.mean_faces import faces_remove
from kyc_review.training.models import Comparison, Job, MeanFaces, TrainingRun

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

log = logging.getLogger(__name__)
CANCELLED = stored(
    gettext_noop("A submission of its snapshot was erased. Make a new snapshot and train on that one.")
)
HOLDS_ONE = stored(
    gettext_noop(
        "Snapshot %(name)s holds 1 face that was erased since %(day)s. Make a new snapshot: it leaves them out and has "
        "the same hold-out otherwise."
    )
)
HOLDS_SOME = stored(
    gettext_noop(
        "Snapshot %(name)s holds %(number)s faces that were erased since %(day)s. Make a new snapshot: it leaves them "
        "out and has the same hold-out otherwise."
    )
)


def snapshots_in_use() -> set[int]:
    """Keys of those that are being built, trained on or compared on now, or wait for it."""
    unfinished = [Job.State.QUEUED, Job.State.RUNNING]
    used = set(
        Snapshot.objects.filter(state__in=[Snapshot.State.PENDING, Snapshot.State.BUILDING]).values_list(
            "pk", flat=True
        )
    )
    for kind in (TrainingRun, Comparison):
        used |= set(kind.objects.filter(state__in=unfinished).values_list("snapshot_id", flat=True))
    return used


def require_unmarked(snapshot: Snapshot) -> None:
    """Nothing learns from, or is measured on, what was erased. Raises JobRefused."""
    if (mark := snapshot_mark_unchecked(snapshot)) is not None:
        values = {"name": snapshot.name, "number": mark.number, "day": f"{mark.since:%Y-%m-%d}"}
        raise JobRefused(shown((HOLDS_ONE if mark.number == 1 else HOLDS_SOME) % values))


@transaction.atomic
def stop_training_on(*, submission_id: UUID, actor: User | None) -> None:
    """Stop what would still learn from it, in the transaction of its erasure: sets in the making begin again without
    it, training runs on what holds it are cancelled."""
    building = snapshots_holding_unchecked(submission_id).filter(state=Snapshot.State.BUILDING)
    Snapshot.objects.filter(pk__in=building.values("pk"), state=Snapshot.State.BUILDING).update(
        state=Snapshot.State.PENDING, lease_holder="", attempts=F("attempts") - 1
    )
    MeanFaces.objects.filter(snapshot__in=snapshots_holding_unchecked(submission_id)).update(
        state=MeanFaces.State.QUEUED,
        lease_holder="",
        attempts=0,
        due_at=Now(),
        cells=[],
        ended_at=None,
    )
    transaction.on_commit(TRAINING.send)
    open_states = [TrainingRun.State.QUEUED, TrainingRun.State.RUNNING]
    for run in TrainingRun.objects.filter(
        snapshot__in=snapshots_holding_unchecked(submission_id), state__in=open_states
    ):
        try:
            job_stop(job=run, actor=actor)
        except JobRefused as ended:  # meanwhile; its candidate is marked
            log.info("%s: %s", run, ended)
            continue
        TrainingRun.objects.filter(pk=run.pk).update(error=CANCELLED)
        audit.record(action="training.erased", target=run, detail={"submission": str(submission_id)})


def mean_faces_remove(*, submission_id: UUID) -> None:
    """Delete the pictures of mean faces that the submission was part of. Safe to repeat."""
    outdated = MeanFaces.objects.filter(
        snapshot__in=snapshots_holding_unchecked(submission_id),
        state__in=[MeanFaces.State.QUEUED, MeanFaces.State.FAILED],
    )
    for mean_faces in outdated:  # one that is being computed began without it, and removed what was there
        faces_remove(mean_faces)
