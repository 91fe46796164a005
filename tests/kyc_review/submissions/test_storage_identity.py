from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from kyc_review.core.files import StorageUnavailable
from kyc_review.core.row_archive import archive_write
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.encryption.models import DataKey
from kyc_review.lifecycle.encrypt import submissions_encrypt
from kyc_review.lifecycle.erase import files_remove, submission_erase
from kyc_review.review.models import Decision
from kyc_review.submissions import orphans, storage_identity
from kyc_review.submissions.models import StorageIdentity, Submission
from kyc_review.submissions.orphans import orphans_delete
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import (
    WrongStorage,
    storage_identity_check,
    storage_identity_ensure,
)
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def identity(private_data: Path) -> Path:
    storage_identity_ensure()
    return private_data / "originals" / "identity"


def test_it_is_written_once_to_both(identity: Path) -> None:
    before = identity.read_text()
    storage_identity_ensure()
    storage_identity_check()
    assert (identity.read_text(), StorageIdentity.objects.get().value) == (before, before)
    assert identity.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [None, "another", ""])
def test_another_folder_or_none_is_found_and_not_adopted_while_there_are_pictures(
    identity: Path, submit: Callable[..., Submission], content: str | None
) -> None:
    submit()
    identity.unlink()
    if content is not None:
        identity.write_text(content)
    with pytest.raises(WrongStorage, match="mount the shared data folder"):
        storage_identity_check()
    with pytest.raises(CommandError, match="--adopt-storage"):
        call_command("prepare", "--without-bundle", verbosity=0)
    if content == "":
        identity.unlink()
    call_command("prepare", "--without-bundle", "--adopt-storage", verbosity=0)
    storage_identity_check()


def test_an_empty_database_takes_the_folder_that_is_there(identity: Path) -> None:
    StorageIdentity.objects.all().delete()
    storage_identity_ensure()
    assert StorageIdentity.objects.get().value == identity.read_text()


def test_an_installation_from_before_learns_its_place(identity: Path) -> None:
    StorageIdentity.objects.update(place="")
    storage_identity_check()
    call_command("prepare", "--without-bundle", verbosity=0)
    assert StorageIdentity.objects.get().place == "files"


def test_it_is_no_orphan(identity: Path) -> None:
    orphans_delete()
    assert originals.exists("identity")


def hidden(folder: Path) -> Path:
    """The volume is lost and its empty mount point is left; where the volume's files are now."""
    away = folder.with_name("away")
    folder.rename(away)
    folder.mkdir()
    return away


def test_without_the_volume_no_post_is_accepted_and_nothing_is_written(
    identity: Path, private_data: Path, api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    away = hidden(identity.parent)
    for name in ("selfie", "with-reference"):
        form = {"image": SimpleUploadedFile("a.jpg", jpeg_bytes()), "external_ref": name}
        if name == "with-reference":
            form["reference_image"] = SimpleUploadedFile("b.jpg", jpeg_bytes(seed=7))
        answer = api.post("/api/v1/submissions", form, headers={"Idempotency-Key": name})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer["Retry-After"]
    assert list(identity.parent.rglob("*")) == []
    assert Submission.objects.get() == row
    identity.parent.rmdir()
    away.rename(identity.parent)
    form = {"image": SimpleUploadedFile("a.jpg", jpeg_bytes()), "external_ref": "selfie"}
    assert api.post("/api/v1/submissions", form, headers={"Idempotency-Key": "selfie"}).status_code == 202


def test_rows_stay_when_their_archive_would_be_hidden(identity: Path, private_data: Path) -> None:
    hidden(identity.parent)
    with pytest.raises(WrongStorage):
        archive_write("rows", ["{}"])
    assert not (private_data / "archive").exists()


def test_an_erasure_waits_for_the_volume(identity: Path, submit: Callable[..., Submission]) -> None:
    row = submit()
    submission_erase(submission_id=row.pk, reason="asked for")
    away = hidden(identity.parent)
    assert not files_remove(row)
    identity.parent.rmdir()
    away.rename(identity.parent)
    assert files_remove(row)
    assert not originals.exists(row.image_key)


def test_pictures_of_another_database_are_no_orphans(
    identity: Path, submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = submit()
    identity.write_text("another")
    Submission.objects.filter(pk=row.pk).update(image_key="elsewhere")
    monkeypatch.setattr(orphans, "AGE", -orphans.AGE)
    with pytest.raises(WrongStorage):
        orphans_delete()
    assert originals.exists(row.image_key)


def test_a_snapshot_waits_for_the_volume(identity: Path, decide: Callable[..., Decision]) -> None:
    decide("real")
    hidden(identity.parent)
    with pytest.raises(SnapshotFailed) as failed:
        snapshot_create(name="first")
    assert isinstance(failed.value.__cause__, StorageUnavailable)


def test_what_cannot_be_seen_is_not_called_encrypted(
    identity: Path, submit: Callable[..., Submission], request: pytest.FixtureRequest
) -> None:
    submit()
    request.getfixturevalue("key_file")
    hidden(identity.parent)
    with pytest.raises(WrongStorage):
        list(submissions_encrypt())
    assert not DataKey.objects.exists()


def test_the_row_is_read_once_in_a_while_and_a_folder_each_time(
    identity: Path, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_identity, "ROW_KEPT_S", 1000)
    storage_identity_check()
    with django_assert_num_queries(0):
        for _ in range(100):
            storage_identity_check()
    identity.unlink()
    with pytest.raises(WrongStorage):
        storage_identity_check()
