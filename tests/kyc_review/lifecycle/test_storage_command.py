"""`manage.py storage copy`: copies between folders and a bucket."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.management import CommandError
from django.utils import timezone

from kyc_review.audit.models import Event
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.models import Decision
from kyc_review.submissions.models import StorageIdentity, Submission
from kyc_review.submissions.storage import derivatives, originals
from kyc_review.submissions.storage_identity import (
    storage_identity_ensure,
    storage_place,
)
from kyc_review.training.models import MeanFaces
from tests.factories.file_moves import contents, places, said
from tests.factories.object_stores import Disturbance, Store, disturbing

pytestmark = pytest.mark.django_db
KINDS = ("originals", "derivatives")


@pytest.fixture
def on_disk(store: Store, settings: LazySettings, private_data: Path) -> Store:
    """Files are in folders now; the store is the other place."""
    settings.STORAGE_PLACES, settings.OBJECT_STORAGE_BUCKET = places(store, private_data), store.bucket
    return store


@pytest.fixture
def disturbance(moto: str) -> Iterator[Disturbance]:
    with disturbing(moto) as state:
        yield state


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
