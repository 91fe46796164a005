"""The sweep deletes what an erasure left on the disk, whatever refuses or dies."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile

from kyc_review.evidence import derivatives as display
from kyc_review.evidence import erasure
from kyc_review.lifecycle import erase
from kyc_review.lifecycle.erase import erasures_sweep, submission_erase
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives, originals, storage_key
from tests.factories.object_stores import Store

pytestmark = pytest.mark.django_db
REASON = "The applicant asked."


def test_files_that_a_killed_process_left_are_deleted_by_the_sweep(submit: Callable[..., Submission]) -> None:
    row = submit()
    display.derivative_ensure(row)
    submission_erase(
        submission_id=row.pk, reason=REASON
    )  # the test's transaction never commits, so they were not deleted
    assert originals.exists(row.image_key)
    assert erasures_sweep() == 1
    assert not originals.exists(row.image_key)
    assert not derivatives.exists(display.derivative_key(row.pk))


def test_what_cannot_be_deleted_keeps_no_other_file(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of any kind, for instance of a storage that is not a disk."""
    rows = [submit(), submit(), submit()]
    for row in rows:
        display.derivative_ensure(row)
        submission_erase(submission_id=row.pk, reason=REASON)
    delete = originals.delete

    def refuse_the_second(name: str) -> None:
        if name == rows[1].image_key:
            raise KeyError("no such format")
        delete(name)

    with monkeypatch.context() as patch:
        patch.setattr(originals, "delete", refuse_the_second)
        assert erasures_sweep() == 3
    assert [originals.exists(row.image_key) for row in rows] == [False, True, False]
    assert not any(derivatives.exists(display.derivative_key(row.pk)) for row in rows)
    assert erasures_sweep() == 3
    assert not originals.exists(rows[1].image_key)


def test_the_sweep_looks_again_until_late_writers_have_ended(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = submit()
    submission_erase(submission_id=row.pk, reason=REASON)
    erasures_sweep()
    late = f"{storage_key(row.pk)}/ela.png"
    derivatives.save(late, ContentFile(b"x"))
    assert erasures_sweep() == 1
    assert not derivatives.exists(late)
    monkeypatch.setattr(erase, "SETTLED_AFTER", timedelta(0))  # the time of an erasure cannot be set back
    assert [erasures_sweep(), erasures_sweep()] == [1, 0]


def test_pictures_in_an_object_storage_are_deleted(
    store: Store, in_store: Callable[[Store], None], submit: Callable[..., Submission]
) -> None:
    in_store(store)
    row, other = submit(), submit()
    for pk in (row.pk, other.pk):
        for name in (".jpg", "/ela-70", "/noise"):
            derivatives.save(f"{storage_key(pk)}{name}", ContentFile(b"x"))
    erasure.pictures_remove(submission_id=row.pk)
    assert sorted(file.name for file in derivatives.files_below()) == [
        f"{storage_key(other.pk)}{name}" for name in (".jpg", "/ela-70", "/noise")
    ]


def test_a_disk_that_refuses_is_asked_again(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = submit()
    submission_erase(submission_id=row.pk, reason=REASON)
    monkeypatch.setattr(erase, "SETTLED_AFTER", timedelta(0))  # the time of an erasure cannot be set back
    with monkeypatch.context() as patch:
        patch.setattr(erase, "pictures_remove", refuse)
        erasures_sweep()
    assert erasures_sweep() == 1
    assert erasures_sweep() == 0


def refuse(**_: object) -> None:
    raise OSError(5, "Input/output error")
