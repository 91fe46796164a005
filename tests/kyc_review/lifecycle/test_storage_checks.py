"""`manage.py storage check` says what a store can do, `manage.py verify` what it lacks."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage import ObjectStorage, check
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import (
    storage_identity_ensure,
)
from tests.factories.file_moves import places, said
from tests.factories.object_stores import Disturbance, Store, disturbing

pytestmark = pytest.mark.django_db
KINDS = ("originals", "derivatives")


@pytest.fixture
def disturbance(moto: str) -> Iterator[Disturbance]:
    with disturbing(moto) as state:
        yield state


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
