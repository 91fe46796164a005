"""What ended jobs left behind: where files are stored elsewhere, nothing of them stays, on any machine.

The worker that ends a job removes its files. Others worked on it earlier, or it ended without a worker.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import storages

from kyc_review.core.local_copies import is_local
from kyc_review.training.checkpoints import Checkpoints
from kyc_review.training.models import Comparison, Job, MeanFaces, TrainingRun

log = logging.getLogger(__name__)
# Jobs of each kind whose files are removed in one turn of a worker; the next turn goes on.
AT_ONCE = 100
ENDED = (Job.State.SUCCEEDED, Job.State.FAILED, Job.State.CANCELLED)


def leftovers_remove() -> None:
    """Remove this machine's folders and the stored checkpoints of ended jobs. What fails is tried the next time."""
    if is_local(storages["training"]):
        return
    for kind in (TrainingRun, Comparison, MeanFaces):
        root = Path(settings.DATA_DIR) / kind.NOUN
        for job in _ended(kind, (folder.name for folder in root.glob("*"))):
            folder_remove(job)
    try:
        names, _ = storages["training"].listdir("")
    except OSError as error:
        log.warning("the storage of checkpoints cannot be listed: %s", error)
        return
    for run in _ended(TrainingRun, names):
        Checkpoints(run).forget()


def folder_remove(job: Job) -> None:
    """The folder of an ended job on this machine, unless a local storage keeps its results there."""
    is_storage = isinstance(job, MeanFaces) and is_local(storages["means"])
    if not is_local(storages["training"]) and not is_storage:
        shutil.rmtree(job.directory, ignore_errors=True)


def _ended(kind: type[Job], names: Iterable[str]) -> list[Any]:
    """Of the jobs with these names; a folder without a row is not ours to remove."""
    numbers = [int(name) for name in names if name.isdecimal()]
    return list(kind._default_manager.filter(pk__in=numbers, state__in=ENDED).order_by("pk")[:AT_ONCE])
