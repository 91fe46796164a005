"""Snapshots in an S3 storage: frozen, verified, exported, copied to a machine that trains, and erased from."""

import io
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.utils import timezone

from encrypted_files import stream
from kyc_review.core.files import StorageUnavailable
from kyc_review.datasets import snapshot_builder
from kyc_review.datasets.erasure_marks import images_erased
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_builder import LeaseLost
from kyc_review.datasets.snapshot_export import zip_stream
from kyc_review.datasets.snapshot_files import SnapshotFailed, snapshot_copies_remove, snapshot_folder
from kyc_review.datasets.snapshots import (
    snapshot_build,
    snapshot_create,
    snapshot_export,
    snapshot_request,
    snapshots_build_due,
)
from kyc_review.datasets.snapshots import snapshot_verify as verify
from kyc_review.encryption.keys import encryption_ensure
from kyc_review.lifecycle.encrypt import snapshots_encrypt
from kyc_review.lifecycle.erase import erasures_sweep, files_remove, submission_erase
from kyc_review.review.models import Decision
from kyc_review.submissions.models import Submission
from ml.sources import manifest as of_training
from tests.factories.object_stores import Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(in_bucket: dict[str, Storage]) -> Storage:
    return in_bucket["snapshots"]


@pytest.fixture
def decided(decide: Callable[..., Decision]) -> list[Submission]:
    return [decide("real").submission, decide("fake").submission]


def images(storage: Storage, name: str = "first") -> list[str]:
    return sorted(storage.listdir(f"{name}/images")[1])


def folder_of(snapshot: Snapshot) -> Any:
    return snapshot_folder(snapshot, erased=images_erased, alive=lambda: None)


def erase(row: Submission) -> None:
    submission_erase(submission_id=row.pk, reason="The applicant asked.")
    erasures_sweep()


def test_a_snapshot_is_frozen_verified_exported_and_trained_from_on_a_machine_without_its_files(
    stored: Storage, decided: list[Submission], machine: Callable[[str], Path], tmp_path: Path
) -> None:
    snapshot = snapshot_create(name="first")
    assert images(stored) == sorted(f"{row.sha256}.jpg" for row in decided)
    assert verify(snapshot=snapshot) == 2
    machine("trainer")
    with folder_of(snapshot) as folder:
        assert {photo.label for photo in of_training.read(folder)} == {"real", "fake"}
        assert folder.is_relative_to(tmp_path / "trainer" / "copies")
    exported = snapshot_export(snapshot=snapshot, folder=tmp_path / "out")
    assert len(of_training.read(exported)) == 2
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(snapshot)))) as archive:
        assert archive.namelist() == [
            "first/manifest.json",
            *(f"first/images/{name}" for name in images(stored)),
        ]
    snapshot_copies_remove()
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["changed", "missing", "manifest"])
def test_what_is_not_as_frozen_is_named_and_never_trained_on(
    stored: Storage, decided: list[Submission], damage: str
) -> None:
    snapshot = snapshot_create(name="first")
    key = f"first/images/{images(stored)[0]}" if damage != "manifest" else "first/manifest.json"
    stored.delete(key)
    if damage != "missing":
        stored.save(key, ContentFile(b"other"))
    with pytest.raises(SnapshotFailed, match=key):
        verify(snapshot=snapshot)
    with pytest.raises(SnapshotFailed, match=key), folder_of(snapshot):
        pass


def test_an_erased_image_leaves_the_storage_and_every_later_use_of_a_copy(
    stored: Storage, decided: list[Submission], machine: Callable[[str], Path]
) -> None:
    snapshot = snapshot_create(name="first")
    machine("trainer")
    with folder_of(snapshot) as folder:
        assert len(list((folder / "images").iterdir())) == 2
    erase(decided[0])
    assert images(stored) == [f"{decided[1].sha256}.jpg"]
    with folder_of(snapshot) as folder:
        assert [path.name for path in (folder / "images").iterdir()] == images(stored)
    machine("another")
    with folder_of(snapshot) as folder:
        assert [path.name for path in (folder / "images").iterdir()] == images(stored)
    assert verify(snapshot=snapshot) == 2


def test_an_erasure_that_was_interrupted_leaves_no_version_of_the_image(
    stored: Storage, decided: list[Submission], moto_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto_store.keep_versions()
    snapshot_create(name="first")
    moto_store.interrupt_next_deletion(monkeypatch)
    gone, kept = decided
    submission_erase(submission_id=gone.pk, reason="The applicant asked.")
    files_remove(gone)
    assert images(stored) == [f"{kept.sha256}.jpg"]
    assert [key for key in moto_store.versions() if gone.sha256 in key]
    erasures_sweep()
    assert not [key for key in moto_store.versions() if gone.sha256 in key]


def test_a_builder_that_was_interrupted_leaves_nothing_that_the_next_one_does_not_freeze(
    stored: Storage, decided: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = snapshot_request(name="first", actor=None)
    finish = snapshot_builder._finish

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot_builder, "_finish", die)
    with pytest.raises(KeyboardInterrupt):
        snapshot_build(snapshot=snapshot)
    assert len(images(stored)) == 2
    erase(decided[0])
    monkeypatch.setattr(snapshot_builder, "_finish", finish)
    snapshot = snapshot_build(snapshot=snapshot)
    assert images(stored) == [f"{decided[1].sha256}.jpg"]
    assert verify(snapshot=snapshot) == 1


def test_a_builder_that_lost_its_lease_takes_back_what_the_next_one_left_out(
    stored: Storage, decided: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = snapshot_request(name="first", actor=None)
    renew = snapshot_builder._renew

    def overtaken(row: Snapshot, holder: str) -> None:
        """Both images are written; meanwhile one is erased and another worker builds."""
        monkeypatch.setattr(snapshot_builder, "_renew", renew)
        late = stored.open(f"first/images/{decided[0].sha256}.jpg").read()
        erase(decided[0])
        Snapshot.objects.update(due_at=timezone.now() - timedelta(hours=1))
        snapshot_build(snapshot=Snapshot.objects.get())
        stored.save(f"first/images/{decided[0].sha256}.jpg", ContentFile(late))
        renew(row, holder)

    monkeypatch.setattr(snapshot_builder, "_renew", overtaken)
    with pytest.raises(LeaseLost):
        snapshot_build(snapshot=snapshot)
    assert images(stored) == [f"{decided[1].sha256}.jpg"]
    assert verify(snapshot=Snapshot.objects.get()) == 1


def test_what_fails_leaves_no_picture_in_the_storage(
    stored: Storage, decided: list[Submission], private_data: Path
) -> None:
    shutil.rmtree(private_data / "originals" / decided[1].image_key[:2])
    with pytest.raises(SnapshotFailed, match="is missing"):
        snapshot_create(name="first")
    assert images(stored) == []


def test_a_storage_that_does_not_answer_fails_no_snapshot(
    stored: Storage, decided: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, save = snapshot_request(name="first", actor=None), stored.save

    def silent(name: str, content: Any) -> str:
        raise StorageUnavailable(name, "the object storage does not answer")

    monkeypatch.setattr(stored, "save", silent)
    assert snapshots_build_due() == 0
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (Snapshot.State.PENDING, 0)
    Snapshot.objects.update(due_at=timezone.now() - timedelta(hours=1))
    monkeypatch.setattr(stored, "save", save)
    assert (snapshots_build_due(), verify(snapshot=Snapshot.objects.get())) == (1, 2)


def test_a_process_that_does_not_encrypt_builds_none_once_all_must(
    stored: Storage, decided: list[Submission]
) -> None:
    snapshot = snapshot_request(name="first", actor=None)
    encryption_ensure()
    assert snapshots_build_due() == 0
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.attempts) == (Snapshot.State.PENDING, 0)
    assert images(stored) == []


def test_pictures_are_encrypted_in_the_storage_and_in_the_copy(
    key_file: Path, stored: Storage, decided: list[Submission], machine: Callable[[str], Path]
) -> None:
    snapshot = snapshot_create(name="first")
    machine("trainer")
    with folder_of(snapshot) as folder:
        held = [path.read_bytes() for path in (folder / "images").iterdir()]
    held += [stored.open(f"first/images/{name}").read() for name in images(stored)]
    assert [stream.is_encrypted(content) for content in held] == [True] * 4
    assert verify(snapshot=snapshot) == 2
    assert sum(snapshots_encrypt()) == 0
