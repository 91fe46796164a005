"""Originals as files of this machine, for a comparison: `python -m ml` reads paths and knows no storage."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from kyc_review.core.folders import folder_make
from kyc_review.core.leases import Alive, no_lease
from kyc_review.core.transfers import all_at_once
from kyc_review.submissions.storage import originals
from kyc_review.training.models import Comparison

log = logging.getLogger(__name__)
FOLDER = "originals"
AT_ONCE = 8


def path_of_original(comparison: Comparison, key: str) -> Path:
    """The original itself where originals are files of this machine, else its copy in the job's folder."""
    found = originals.local_path(key)
    return Path(found) if found else comparison.directory / FOLDER / Path(key).name


def originals_fetch(comparison: Comparison, keys: Iterable[str], *, alive: Alive = no_lease) -> None:
    """Copy what is in an object storage, encrypted as it is. One that is missing stays so.

    alive: called every few seconds meanwhile. Raises StorageUnavailable, and what `alive` raises.
    """
    wanted = [key for key in keys if originals.local_path(key) is None]
    if not wanted:
        return
    originals_forget(comparison)
    folder_make(comparison.directory / FOLDER)

    def fetch(key: str) -> None:
        try:
            originals.copy_to(key, path_of_original(comparison, key))
        except FileNotFoundError:
            log.error("the original %s is missing; it is not compared", key)

    all_at_once(fetch, wanted, threads=AT_ONCE, name="originals", alive=alive)


def originals_forget(comparison: Comparison) -> None:
    """Remove the copies."""
    shutil.rmtree(comparison.directory / FOLDER, ignore_errors=True)


def originals_of_ended_forget() -> None:
    """Remove the copies that a killed worker left of ended comparisons."""
    for folder in (Path(settings.DATA_DIR) / Comparison.NOUN).glob(f"*/{FOLDER}"):
        row = Comparison.objects.filter(pk=int(folder.parent.name)).first()
        if row is None or row.is_ended:
            shutil.rmtree(folder, ignore_errors=True)
