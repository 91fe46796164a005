"""What a training run has finished, in the storage `training`, so that a worker of another machine goes on from it.

In a local storage the run works in place. From any other, finished members and the options that they were made with
are put there by the worker that made them, and taken from there by the next one.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import Storage, storages

from kyc_review.core import folders
from kyc_review.core.leases import Alive, no_lease
from kyc_review.core.local_copies import is_local
from kyc_review.training.models import TrainingRun

log = logging.getLogger(__name__)
OPTIONS, MEMBERS, WEIGHTS = "options.json", "members", ".safetensors"


class Checkpoints:
    """Of one run, for the worker that holds it. work: the folder of its process on this machine."""

    def __init__(self, run: TrainingRun) -> None:
        self._work, self._key = run.directory / "work", str(run.pk)
        self._kept: set[str] = set()

    def fetch(self, *, alive: Alive = no_lease) -> None:
        """What an earlier attempt finished elsewhere, unless this machine has its own. Raises OSError.

        A file whose digest is not the one in its name is left out, and trained again. `alive` is called before each.
        """
        if is_local(_storage()) or (self._work / OPTIONS).is_file():
            return
        folders.folder_make(self._work / MEMBERS)
        for name in self._stored():
            alive()
            sha256, _, path = name.partition("-")
            with _storage().open(f"{self._key}/{name}") as file:
                content = file.read()
            if hashlib.sha256(content).hexdigest() == sha256:
                (self._work / (OPTIONS if path == OPTIONS else f"{MEMBERS}/{path}")).write_bytes(content)
                self._kept.add(path)
            else:
                log.error("training/%s/%s is damaged and not used", self._key, name)

    def keep(self) -> None:
        """Put what was finished since into the storage; what fails is tried again the next time."""
        if is_local(_storage()):
            return
        for file in (self._work / OPTIONS, *sorted((self._work / MEMBERS).glob(f"*{WEIGHTS}"))):
            if file.name in self._kept or not file.is_file():
                continue
            try:
                self._put(file)
            except OSError as error:
                log.warning("%s was not put into the storage: %s", file, error)
                return

    def forget(self) -> None:
        """The run has ended. What cannot be deleted is of no harm."""
        if is_local(_storage()):
            return
        try:
            for name in self._stored():
                _storage().delete(f"{self._key}/{name}")
        except OSError as error:
            log.warning("training/%s was not deleted: %s", self._key, error)

    def _put(self, file: Path) -> None:
        with open(file, "rb") as opened:
            sha256, _ = folders.copy_hashed(opened, None)
            opened.seek(0)
            _storage().save(f"{self._key}/{sha256}-{file.name}", File(opened))
        self._kept.add(file.name)

    def _stored(self) -> list[str]:
        try:
            return _storage().listdir(self._key)[1]
        except FileNotFoundError:
            return []


def _storage() -> Storage:
    return storages["training"]
