"""`manage.py storage`: copies between folders and a bucket, and says what a store can do; `verify` compares."""

import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from kyc_review.audit.models import Event
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage import ObjectStorage, check
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.lifecycle.management.commands.storage import MOVED_AFTER_S
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision
from kyc_review.submissions import storage_identity
from kyc_review.submissions.models import StorageIdentity, Submission
from kyc_review.submissions.storage import derivatives, originals
from kyc_review.submissions.storage_identity import (
    WrongStorage,
    storage_identity_check,
    storage_identity_ensure,
    storage_place,
)
from kyc_review.training.models import MeanFaces
from tests.factories.object_stores import Disturbance, Store, disturbing
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
KINDS = ("originals", "derivatives")


def places(store: Store, folder: Path, **access: Any) -> dict[str, dict[str, dict[str, Any]]]:
    kinds = {"originals": "DurableStorage"}
    kinds |= dict.fromkeys(("derivatives", "snapshots", "training", "means"), "PrivateStorage")
    on_disk = {
        name: {
            "BACKEND": f"kyc_review.submissions.storage.{kind}",
            "OPTIONS": {"location": str(folder / name)},
        }
        for name, kind in kinds.items()
    }
    in_bucket = {
        name: {
            "BACKEND": "kyc_review.core.object_storage.ObjectStorage",
            "OPTIONS": {
                "bucket": store.bucket,
                "prefix": f"kyc-review/{name}",
                "access": store.access | access,
                "write_once": name == "originals",
            },
        }
        for name in kinds
    }
    return {"files": on_disk, "s3": in_bucket}


@pytest.fixture
def on_disk(store: Store, settings: LazySettings, private_data: Path) -> Store:
    """Files are in folders now; the store is the other place."""
    settings.STORAGE_PLACES, settings.OBJECT_STORAGE_BUCKET = places(store, private_data), store.bucket
    return store


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def contents(storage: Any) -> dict[str, bytes]:
    return {file.name: storage.open(file.name).read() for file in storage.files_below()}


def test_files_go_to_the_bucket_and_back_unchanged(
    on_disk: Store,
    settings: LazySettings,
    private_data: Path,
    in_store: Callable[[Store], None],
    submit: Callable[..., Submission],
    key_file: Path,
) -> None:
    storage_identity_ensure()
    rows = [submit() for _ in range(3)]
    derivatives.save(f"{rows[0].image_key[:35]}/noise.png", ContentFile(b"a view"))
    before = {name: contents(storage.beneath) for name, storage in (("o", originals), ("d", derivatives))}
    assert "originals: 4 copied" in said("storage", "copy", "--to", "s3")
    assert "originals: 1 copied (0.0 MB), 3 there already" in said(
        "storage", "copy", "--to", "s3", "--compare"
    )
    in_store(on_disk)
    settings.FILE_STORAGE = "s3"
    StorageIdentity.objects.update(place=storage_place())  # as with --finish
    assert {"o": contents(originals.beneath), "d": contents(derivatives.beneath)} == before
    assert "3 submissions with their pictures, 3 of them read" in said("verify")
    settings.STORAGE_PLACES = places(on_disk, private_data / "elsewhere")
    said("storage", "copy", "--to", "files")
    back = {
        path.relative_to(private_data / "elsewhere" / "originals").as_posix(): path.read_bytes()
        for path in (private_data / "elsewhere" / "originals").rglob("*")
        if path.is_file()
    }
    assert back == before["o"]
    assert Event.objects.filter(action="storage.copied").count() == 3


def test_an_interrupted_copy_leaves_no_version_after_the_next_one(
    moto_store: Store,
    settings: LazySettings,
    private_data: Path,
    submit: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    moto_store.keep_versions()
    row, gone = submit(), submit()
    target = moto_store.storage("originals")
    for one in (row, gone):
        target.save(one.image_key, ContentFile(b"of an earlier state"))
    submission_erase(submission_id=gone.pk, reason="asked for")
    moto_store.interrupt_next_deletion(monkeypatch)  # of the version that the copy replaces
    with pytest.raises(CommandError, match="repeat the command"):
        said("storage", "copy", "--to", "s3", "--threads", "1")
    target.connection.client.delete_object(Bucket=moto_store.bucket, Key=target.key(gone.image_key))
    assert len(moto_store.versions()) == 4  # two of one; of the other one and a mark of deletion
    said("storage", "copy", "--to", "s3")
    assert moto_store.versions() == [target.key(row.image_key)]
    assert contents(target)[row.image_key] == contents(originals.beneath)[row.image_key]


def test_the_last_copy_ends_the_use_of_the_place_before(
    moto_store: Store,
    settings: LazySettings,
    private_data: Path,
    submit: Callable[..., Submission],
    api: Client,
    in_store: Callable[[Store], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The copies have the same identity, so a process that was forgotten at the old place would see nothing wrong."""
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    monkeypatch.setattr(storage_identity, "ROW_KEPT_S", 0)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    storage_identity_ensure()
    row = submit()
    said("storage", "copy", "--to", "s3")
    storage_identity_check()
    late = submit()
    assert "from now on" in said("storage", "copy", "--to", "s3", "--finish")
    assert slept == [MOVED_AFTER_S]
    elsewhere = moto_store.storage("originals")
    assert {row.image_key, late.image_key, "identity"} == set(contents(elsewhere))

    before = contents(originals.beneath)
    with pytest.raises(WrongStorage, match="are in a bucket"):
        storage_identity_check()
    form = {"image": SimpleUploadedFile("a.jpg", jpeg_bytes()), "external_ref": "a"}
    assert api.post("/api/v1/submissions", form, headers={"Idempotency-Key": "a"}).status_code == 503
    assert contents(originals.beneath) == before
    with pytest.raises(CommandError, match="are in a bucket"):
        said("storage", "copy", "--to", "s3")
    with pytest.raises(CommandError, match="are in a bucket"):
        call_command("prepare", "--without-bundle", verbosity=0)
    assert Event.objects.filter(action="storage.copied", detail__finished=True).count() == 1
    moved = contents(elsewhere)
    elsewhere.delete(row.image_key)
    elsewhere.save(row.image_key, ContentFile(b"encrypted since"))
    with pytest.raises(CommandError, match="The move to s3 is finished"):
        said("storage", "copy", "--to", "s3", "--finish")
    assert contents(elsewhere) == moved | {row.image_key: b"encrypted since"}

    in_store(moto_store)
    call_command("prepare", "--without-bundle", verbosity=0)
    storage_identity_check()


def test_a_last_copy_that_was_broken_off_goes_on(
    moto_store: Store,
    settings: LazySettings,
    private_data: Path,
    submit: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    monkeypatch.setattr(time, "sleep", lambda _: 1 / 0)  # killed while it waits
    storage_identity_ensure()
    row = submit()
    with pytest.raises(ZeroDivisionError):
        said("storage", "copy", "--to", "s3", "--finish")
    monkeypatch.undo()
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    assert "files were copied" in said("storage", "copy", "--to", "s3", "--finish")
    assert row.image_key in contents(moto_store.storage("originals"))


def test_a_second_copy_takes_only_what_is_new(on_disk: Store, submit: Callable[..., Submission]) -> None:
    submit()
    said("storage", "copy", "--to", "s3")
    submit()
    told = said("storage", "copy", "--to", "s3")
    assert "originals: 1 copied" in told
    assert "1 there already" in told


def test_what_the_other_place_has_of_erased_submissions_is_removed(
    on_disk: Store, submit: Callable[..., Submission]
) -> None:
    row, kept = submit(), submit()
    said("storage", "copy", "--to", "s3")
    submission_erase(submission_id=row.pk, reason="asked for")
    assert "1 of erased submissions removed" in said("storage", "copy", "--to", "s3")
    assert on_disk.keys() == [f"kyc-review/originals/{kept.image_key}"]


def test_what_the_other_place_has_of_erased_images_of_snapshots_is_removed(
    moto_store: Store, settings: LazySettings, private_data: Path, decide: Callable[..., Decision]
) -> None:
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    gone, kept = decide("real").submission, decide("fake").submission
    snapshot_create(name="first")
    said("storage", "copy", "--to", "s3")
    elsewhere = moto_store.storage("snapshots")
    only_there = f"first/images/{'0' * 64}.jpg"
    elsewhere.save(only_there, ContentFile(b"of no erased submission"))
    submission_erase(submission_id=gone.pk, reason="asked for")
    assert f"first/images/{gone.sha256}.jpg" in contents(elsewhere)
    assert "snapshots: 0 copied (0.0 MB), 2 there already, 1 of erased" in said(
        "storage", "copy", "--to", "s3"
    )
    assert sorted(contents(elsewhere)) == sorted(
        [only_there, f"first/images/{kept.sha256}.jpg", "first/manifest.json"]
    )


def test_of_jobs_only_mean_faces_are_copied_and_removed_when_they_are_outdated(
    moto_store: Store, settings: LazySettings, private_data: Path, decide: Callable[..., Decision]
) -> None:
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    gone = decide("real").submission
    means = MeanFaces.objects.create(
        snapshot=snapshot_create(name="first"),
        state="succeeded",
        ended_at=timezone.now(),
        cells=[{"file": "0.png"}, {"file": None}],
    )
    for name in (
        "means/{}/faces/0.png",
        "means/{}/log.txt",
        "means/{}/work/keyring",
        "training/{}/work/log.txt",
    ):
        path = private_data / name.format(means.pk)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"old")
    said("storage", "copy", "--to", "s3")
    elsewhere = moto_store.storage("means")
    face = f"{means.pk}/faces/0.png"
    assert contents(elsewhere) == {face: b"old"}
    assert list(moto_store.storage("training").files_below()) == []
    (private_data / "means" / face).write_bytes(b"new")
    said("storage", "copy", "--to", "s3")
    assert contents(elsewhere) == {face: b"new"}
    submission_erase(submission_id=gone.pk, reason="asked for")
    assert "means: 0 copied (0.0 MB), 0 there already, 1 of erased" in said("storage", "copy", "--to", "s3")
    assert contents(elsewhere) == {}


def test_what_was_changed_since_is_found_by_comparing(
    on_disk: Store, submit: Callable[..., Submission]
) -> None:
    row = submit()
    said("storage", "copy", "--to", "s3")
    size = originals.size(row.image_key)
    on_disk.storage().replace(row.image_key, ContentFile(b"x" * size))
    assert "originals: 0 copied" in said("storage", "copy", "--to", "s3")
    assert "originals: 1 copied" in said("storage", "copy", "--to", "s3", "--compare")


def test_the_place_in_use_is_never_written_to(on_disk: Store) -> None:
    with pytest.raises(CommandError, match="from the place in use to the other one, s3"):
        said("storage", "copy", "--to", "files")


def test_without_a_bucket_the_settings_are_named() -> None:
    with pytest.raises(CommandError, match="OBJECT_STORAGE_BUCKET"):
        said("storage", "check")


@pytest.fixture
def disturbance(moto: str) -> Iterator[Disturbance]:
    with disturbing(moto) as state:
        yield state


def test_a_copy_that_was_stopped_goes_on(
    moto_store: Store,
    disturbance: Disturbance,
    settings: LazySettings,
    private_data: Path,
    submit: Callable[..., Submission],
) -> None:
    settings.STORAGE_PLACES = places(moto_store, private_data, url=disturbance.url)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    rows = [submit() for _ in range(3)]
    disturbance.status = 503
    with pytest.raises(CommandError, match="repeat the command to go on"):
        said("storage", "copy", "--to", "s3")
    disturbance.end()
    disturbance.changes_body = True  # the copies are not what was written
    with pytest.raises(CommandError, match="is not what was"):
        said("storage", "copy", "--to", "s3", "--threads", "1")
    disturbance.end()
    said("storage", "copy", "--to", "s3", "--compare")
    assert moto_store.keys() == sorted(f"kyc-review/originals/{row.image_key}" for row in rows)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("moto", [check.CONDITIONS_KEPT, check.DAMAGE_TAKEN]),
        ("rclone", [check.CONDITIONS_IGNORED, check.DAMAGE_REFUSED]),
    ],
)
def test_a_check_says_what_the_store_can_do(
    kind: str,
    expected: list[str],
    request: pytest.FixtureRequest,
    bucket_at: Callable[[str], Store],
    settings: LazySettings,
    private_data: Path,
) -> None:
    url = request.getfixturevalue(kind)
    store = bucket_at(url if isinstance(url, str) else url[0])
    settings.STORAGE_PLACES, settings.OBJECT_STORAGE_BUCKET = places(store, private_data), store.bucket
    lines = said("storage", "check").splitlines()
    assert lines[1:3] == expected
    assert lines[3:] == [check.NO_VERSIONS, "delete: works"]
    assert store.keys() == []


def test_a_check_of_a_versioned_bucket_leaves_no_version(
    moto_store: Store, settings: LazySettings, private_data: Path
) -> None:
    moto_store.keep_versions()
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    assert check.VERSIONS in said("storage", "check")
    assert moto_store.versions() == []


def test_verify_names_what_a_bucket_lacks_and_what_it_has_of_erased_submissions(
    moto_store: Store, in_store: Callable[[Store], None], submit: Callable[..., Submission]
) -> None:
    in_store(moto_store)
    storage_identity_ensure()
    lost, gone = submit(), submit()
    submission_erase(submission_id=gone.pk, reason="asked for")
    gone.refresh_from_db()
    Submission.objects.filter(pk=gone.pk).update(erasure_settled_at=gone.erased_at)
    originals.beneath.replace(gone.image_key, ContentFile(b"left"))
    originals.beneath.delete(lost.image_key)
    out = StringIO()
    with pytest.raises(CommandError, match="2 differences"):
        call_command("verify", stdout=out)
    assert f"submission {lost.pk}: {lost.image_key} is missing" in out.getvalue()
    assert f"submission {gone.pk}: {gone.image_key} is there, although it was erased" in out.getvalue()


def test_verify_says_nothing_about_files_while_the_store_does_not_answer(
    moto_store: Store, disturbance: Disturbance, in_store: Callable[..., None]
) -> None:
    in_store(moto_store, url=disturbance.url)
    disturbance.status = 503
    with pytest.raises(CommandError, match="nothing can be said about the files"):
        said("verify")


@pytest.mark.parametrize("kind", ["bundles", "snapshots"])
def test_a_store_that_falls_silent_is_no_difference(
    kind: str,
    in_bucket: dict[str, ObjectStorage],
    decide: Callable[..., Decision],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage_identity_ensure()
    if kind == "bundles":
        Bundle.objects.create(digest="1" * 64, version="v-1", source="trained")
    else:
        decide("real")
        snapshot_create(name="first")

    def silent(name: str, mode: str = "rb") -> None:
        raise StorageUnavailable(name, "the object storage does not answer: it is silent")

    monkeypatch.setattr(in_bucket[kind], "open", silent)
    out = StringIO()
    with pytest.raises(CommandError, match="it is silent; nothing can be said about the files") as refused:
        call_command("verify", stdout=out)
    assert "backup" not in str(refused.value)
    assert out.getvalue() == ""
