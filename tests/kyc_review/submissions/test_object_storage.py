"""Selfies whose originals are in a bucket: posted, read, shown, erased, and what happens while it does not answer."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from kyc_review.core.files import StorageUnavailable
from kyc_review.lifecycle.erase import files_remove, submission_erase
from kyc_review.ops import health
from kyc_review.submissions import orphans
from kyc_review.submissions.models import Submission
from kyc_review.submissions.orphans import orphans_delete
from kyc_review.submissions.storage import OriginalUnavailable, original_read, originals
from kyc_review.submissions.storage_identity import (
    WrongStorage,
    storage_identity_check,
    storage_identity_ensure,
)
from tests.factories.object_stores import Disturbance, Store
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db


@pytest.fixture
def disturbed(moto_store: Store, in_store: Callable[..., None], disturbance: Disturbance) -> Disturbance:
    """Originals and derivatives are reached through the proxy."""
    in_store(moto_store, url=disturbance.url)
    return disturbance


def post(api: Client, name: str = "a") -> ClientResponse:
    form = {"image": SimpleUploadedFile("a.jpg", jpeg_bytes()), "external_ref": name}
    return api.post("/api/v1/submissions", form, headers={"Idempotency-Key": name})


def test_a_selfie_is_posted_read_and_erased(store: Store, in_store: Callable[..., None], api: Client) -> None:
    in_store(store)
    assert post(api).status_code == 202
    row = Submission.objects.get()
    assert store.keys() == [f"kyc-review/originals/{row.image_key}"]
    assert original_read(row.image_key) == jpeg_bytes()
    submission_erase(submission_id=row.pk, reason="asked for")
    row.refresh_from_db()
    assert files_remove(row)
    assert store.keys() == []


def test_an_erased_selfie_leaves_no_version(
    moto_store: Store, in_store: Callable[..., None], submit: Callable[..., Submission]
) -> None:
    moto_store.keep_versions()
    in_store(moto_store)
    row = submit(reference_image=jpeg_bytes(seed=7))
    assert len(moto_store.versions()) == 2
    submission_erase(submission_id=row.pk, reason="asked for")
    assert files_remove(row)
    assert moto_store.versions() == []


@pytest.mark.parametrize("status", [503, 507, 403])
def test_a_store_that_refuses_is_answered_with_try_again(
    disturbed: Disturbance, api: Client, status: int
) -> None:
    disturbed.status = status
    answer = post(api)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"]
    assert not Submission.objects.exists()
    disturbed.end()
    assert post(api).status_code == 202


def test_a_post_whose_write_lost_its_answer_is_accepted_once(
    disturbed: Disturbance, moto_store: Store, api: Client
) -> None:
    disturbed.loses_answer, disturbed.times = True, 1
    assert post(api).status_code == 202
    assert len(moto_store.keys()) == Submission.objects.count() == 1


def test_a_store_that_refuses_is_no_missing_original(
    disturbed: Disturbance, submit: Callable[..., Submission]
) -> None:
    row = submit()
    disturbed.status = 503
    with pytest.raises(OriginalUnavailable):
        original_read(row.image_key)


def test_what_could_not_be_deleted_is_tried_again(
    disturbed: Disturbance, moto_store: Store, submit: Callable[..., Submission]
) -> None:
    row = submit()
    disturbed.status = 503
    submission_erase(submission_id=row.pk, reason="asked for")
    assert not files_remove(row)
    disturbed.end()
    assert files_remove(row)
    assert moto_store.keys() == []


def test_orphans_are_found_by_listing_alone(
    disturbed: Disturbance,
    moto_store: Store,
    submit: Callable[..., Submission],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = submit()
    originals.save("ab/orphan.jpeg", ContentFile(b"x"))
    monkeypatch.setattr(orphans, "AGE", -orphans.AGE)
    monkeypatch.setattr(orphans, "FOLDERS", ["ab", row.image_key[:2]])
    disturbed.seen.clear()
    assert orphans_delete() == 1
    assert moto_store.keys() == [f"kyc-review/originals/{row.image_key}"]
    assert {line.split()[0] for line in disturbed.seen} == {"GET", "DELETE"}
    assert all("list-type=2" in line for line in disturbed.seen if line.startswith("GET"))


def test_probes_ask_the_store_seldom(disturbed: Disturbance) -> None:
    storage_identity_ensure()
    disturbed.seen.clear()
    health.storage()
    asked = [line.split()[0] for line in disturbed.seen]
    assert asked == ["GET", "PUT", "GET", "DELETE"]
    for _ in range(3):
        health.storage()
        storage_identity_check()
    assert len(disturbed.seen) == len(asked)


def test_a_probe_does_not_wait_for_a_store_that_is_silent(
    disturbed: Disturbance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_identity_ensure()
    monkeypatch.setattr(health, "REMOTE_WAIT_S", 0.1)
    monkeypatch.setattr(health, "_stored_at", float("-inf"))
    disturbed.seen.clear()
    disturbed.is_silent = True
    for _ in range(3):
        with pytest.raises(health.Unready, match="has not answered"):
            health.storage()
    assert len(disturbed.seen) <= 2, "one trial at a time"
    disturbed.end()
    monkeypatch.setattr(health, "REMOTE_WAIT_S", 30)
    with suppress(OSError):  # the trial in work may have lost its answer
        health.storage()
    health.storage()


def test_a_store_that_fails_once_makes_no_process_unready(
    disturbed: Disturbance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StorageUnavailable("probe", "slow down")

    storage_identity_ensure()
    monkeypatch.setattr(health, "REMOTE_AGAIN_S", 0)
    monkeypatch.setattr(health, "_remote_failures", 0)
    monkeypatch.setattr(health, "_stored_at", float("-inf"))
    with monkeypatch.context() as faults:
        faults.setattr(health, "_original_tried", fail)
        with pytest.raises(StorageUnavailable):
            health.storage()  # it never answered this process
    for _ in range(2):
        health.storage()
        with monkeypatch.context() as faults:
            faults.setattr(health, "_original_tried", fail)
            health.storage()
            with pytest.raises(StorageUnavailable):
                health.storage()


def test_a_trial_that_an_earlier_probe_gave_up_is_not_believed(
    disturbed: Disturbance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage_identity_ensure()
    ended: Future[None] = Future()
    ended.set_exception(StorageUnavailable("probe", "was silent"))
    monkeypatch.setattr(health, "_stored_at", float("-inf"))
    monkeypatch.setattr(health, "_remote_trial", ended)
    health.storage()


def test_the_bucket_of_another_installation_is_refused(
    moto_store: Store, bucket_at: Callable[[str], Store], in_store: Callable[..., None], submit: Callable
) -> None:
    in_store(moto_store)
    storage_identity_ensure()
    storage_identity_check()
    submit()
    in_store(bucket_at(moto_store.access["url"]))
    with pytest.raises(WrongStorage, match="looks in another one"):
        storage_identity_check()
    with pytest.raises(WrongStorage):
        storage_identity_ensure()
