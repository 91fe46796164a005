"""The keys that a process of `ml` gets: of the snapshot, of mean faces, of the originals that a comparison replays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from encrypted_files import keyring, stream
from encrypted_files.keyring import Keyring
from kyc_review.core.folders import open_private
from kyc_review.datasets.snapshot_pictures import SnapshotPictures
from kyc_review.encryption import keys
from kyc_review.encryption.storage import scope_of
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from kyc_review.training.local_originals import path_of_original
from kyc_review.training.models import Comparison, Job, MeanFaces, TrainingRun

NAME = "keyring"


@contextmanager
def keyring_for(job: TrainingRun | Comparison | MeanFaces, snapshot: Path) -> Iterator[Mapping[str, str]]:
    """What the job's process needs in its environment; a comparison's list of what it replays is written before.

    snapshot: the folder with its files on this machine.
    The keyring lies in the job's folder as long as the block, useless without the key in the environment. Raises
    KeysUnavailable.
    """
    known = _keys_of(job, snapshot)
    if not keys.is_on() and not known.folders and not known.files:
        yield {}
        return
    path, key = job.directory / NAME, stream.new_key()
    path.unlink(missing_ok=True)
    with open_private(path) as file:
        file.write(known.sealed(key))
    try:
        yield keyring.environment(path, key)
    finally:
        path.unlink(missing_ok=True)


def _keys_of(job: Job, snapshot: Path) -> Keyring:
    known = Keyring()
    assert isinstance(job, TrainingRun | Comparison | MeanFaces)
    pictures = SnapshotPictures.of(job.snapshot)
    if pictures.key:
        known.folders[_place(snapshot)] = (pictures.prefix, pictures.key.hex())
        if isinstance(job, MeanFaces):
            known.folders[_place(job.output)] = (f"{pictures.prefix}/means", pictures.key.hex())
    if isinstance(job, Comparison):
        names = _replayed(job)
        found = originals.data_keys(names)
        for name in names:
            row = found.get(scope_of(name) or "")
            if row is not None and not row.is_destroyed:
                place = _place(path_of_original(job, name))
                known.files[place] = (originals.object_name(name), keys.unwrapped(row).hex())
    return known


def _replayed(job: Comparison) -> list[str]:
    ids = [line.split(" ", 1)[0] for line in job.replay.read_text().splitlines()]
    return list(Submission.objects.filter(pk__in=ids).values_list("image_key", flat=True))


def _place(path: Path) -> str:
    return str(path.resolve())
