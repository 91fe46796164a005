"""A comparison reads originals by path: itself where they are files, else copies that go when it ends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from encrypted_files.stream import is_encrypted
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from kyc_review.training.local_originals import (
    FOLDER,
    originals_fetch,
    originals_forget,
    originals_of_ended_forget,
    path_of_original,
)
from kyc_review.training.models import Comparison
from tests.factories.object_stores import Store

pytestmark = pytest.mark.django_db


def test_files_of_this_machine_are_read_in_place(submit: Callable[..., Submission]) -> None:
    row, comparison = submit(), Comparison(pk=7)
    originals_fetch(comparison, [row.image_key])
    assert path_of_original(comparison, row.image_key) == Path(originals.path(row.image_key))
    assert not comparison.directory.exists()


def test_objects_are_copied_as_they_are_and_a_missing_one_stays_missing(
    store: Store, in_store: Callable[[Store], None], submit: Callable[..., Submission], key_file: Path
) -> None:
    in_store(store)
    rows, comparison = [submit() for _ in range(3)], Comparison(pk=7)
    originals.delete(rows[2].image_key)
    for _ in range(2):  # a job that begins again
        originals_fetch(comparison, [row.image_key for row in rows])
    paths = [path_of_original(comparison, row.image_key) for row in rows]
    assert [path.exists() for path in paths] == [True, True, False]
    assert all(is_encrypted(path.read_bytes()) for path in paths[:2])
    assert paths[0].stat().st_mode & 0o777 == 0o600
    originals_forget(comparison)
    assert not (comparison.directory / FOLDER).exists()


def test_copies_that_a_killed_worker_left_are_removed(
    moto_store: Store, in_store: Callable[[Store], None], submit: Callable[..., Submission]
) -> None:
    in_store(moto_store)
    comparison = Comparison(pk=7)
    originals_fetch(comparison, [submit().image_key])
    originals_of_ended_forget()
    assert not (comparison.directory / FOLDER).exists()
