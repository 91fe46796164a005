"""`manage.py storage copy --finish`: from then on files are in the other place, and the old one is not used."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from kyc_review.audit.models import Event
from kyc_review.lifecycle.management.commands import storage
from kyc_review.lifecycle.management.commands.storage import MOVED_AFTER_S
from kyc_review.submissions import storage_identity
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from kyc_review.submissions.storage_identity import (
    WrongStorage,
    storage_identity_check,
    storage_identity_ensure,
)
from tests.factories.file_moves import contents, places, said
from tests.factories.object_stores import Store
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db
KINDS = ("originals", "derivatives")


def sleeps_by(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], object]) -> None:
    """Of the command alone: other threads sleep as before."""
    monkeypatch.setattr(storage, "time", SimpleNamespace(sleep=sleep))


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
    sleeps_by(monkeypatch, slept.append)
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
    sleeps_by(monkeypatch, lambda _: 1 / 0)  # killed while it waits
    storage_identity_ensure()
    row = submit()
    with pytest.raises(ZeroDivisionError):
        said("storage", "copy", "--to", "s3", "--finish")
    monkeypatch.undo()
    settings.STORAGE_PLACES = places(moto_store, private_data)
    settings.OBJECT_STORAGE_BUCKET = moto_store.bucket
    assert "files were copied" in said("storage", "copy", "--to", "s3", "--finish")
    assert row.image_key in contents(moto_store.storage("originals"))
