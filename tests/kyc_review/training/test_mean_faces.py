"""A snapshot's mean faces: computed by the training worker, shown to few, computed again after an erasure."""

from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage import ObjectStorage
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.lifecycle.erase import erasures_sweep, submission_erase
from kyc_review.retraining import snapshot_views
from kyc_review.review.models import Decision
from kyc_review.training import worker
from kyc_review.training.mean_faces import faces_remove, mean_faces_of, mean_faces_request_missing
from kyc_review.training.models import MeanFaces
from ml.mean_faces import LEAST_PEOPLE
from tests.factories.object_stores import Store
from tests.factories.pages import collapsed

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def computed(snapshot: Snapshot, files: int = 1) -> MeanFaces:
    """As if the worker had computed one mean of eleven reals; the fakes were too few."""
    mean_faces_request_missing()
    means = MeanFaces.objects.get(snapshot=snapshot)
    means.output.mkdir(parents=True)
    (means.output / "1.png").write_bytes(b"PNG")
    cell = {"source": "mobile-app", "people": 11, "faces": 12, "aligned": True}
    means.cells = [
        cell | {"label": "fake", "people": 4, "faces": 4, "file": None},
        cell | {"label": "real", "file": "1.png"},
    ]
    means.state, means.ended_at = MeanFaces.State.SUCCEEDED, timezone.now()
    means.save()
    return means


def test_the_least_of_people_is_what_the_computation_asks_for() -> None:
    assert snapshot_views.LEAST_PEOPLE == LEAST_PEOPLE


def test_the_training_worker_computes_them_for_every_snapshot(decide: Callable[..., Decision]) -> None:
    for number in range(LEAST_PEOPLE):
        decide("real", applicant_ref=f"p-{number}")
    decide("fake")
    snapshot = snapshot_create(name="first")
    assert not MeanFaces.objects.exists()
    assert worker.run_due_jobs() == 0, "pictures are no runs"
    means = MeanFaces.objects.get(snapshot=snapshot)
    assert (means.state, means.error) == (MeanFaces.State.SUCCEEDED, "")
    fake, real = means.cells
    assert (fake["label"], fake["people"], fake["file"]) == ("fake", 1, None)
    assert (real["label"], real["people"]) == ("real", LEAST_PEOPLE)
    assert (means.output / real["file"]).is_file()
    assert not list(means.output.glob("0.png"))


def test_the_page_shows_those_of_enough_people_and_says_why_others_are_missing(
    decide: Callable[..., Decision], ada: User, login: Callable[[User], Client]
) -> None:
    decide("real")
    snapshot = snapshot_create(name="first")
    window: Client = login(ada)
    path = "/retraining/snapshots/first/"
    assert "The training worker computes them" in window.get(path).content.decode()
    computed(snapshot)
    page = collapsed(window.get(path))
    assert "Faces: 12, of 11 people" in page
    assert "at least 10 are needed" in page
    picture = window.get(f"{path}means/1/")
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert "no-store" in picture["Cache-Control"]
    assert [window.get(f"{path}means/{number}/").status_code for number in (0, 2)] == [404, 404]


@pytest.mark.parametrize(("role", "status"), [("reviewer", 403), ("senior", 403), ("auditor", 200)])
def test_who_sees_them(
    decide: Callable[..., Decision],
    staff: Callable[..., User],
    login: Callable[[User], Client],
    role: str,
    status: int,
) -> None:
    decide("real")
    computed(snapshot_create(name="first"))
    window: Client = login(staff("person", role))
    assert window.get("/retraining/snapshots/first/means/1/").status_code == status


def test_strangers_to_retraining_learn_nothing_from_the_selector(
    decide: Callable[..., Decision], alice: User
) -> None:
    decide("real")
    assert mean_faces_of(viewer=alice, snapshot=snapshot_create()) is None


def test_an_erasure_takes_them_away_until_they_are_computed_without_it(
    decide: Callable[..., Decision],
) -> None:
    gone = decide("real")
    decide("real")
    means = computed(snapshot_create(name="first"))
    submission_erase(submission_id=gone.submission_id, reason="asked")
    erasures_sweep()
    means.refresh_from_db()
    assert (means.state, means.cells) == (MeanFaces.State.QUEUED, [])
    assert not means.output.exists()
    assert worker.run_due_jobs() == 0
    means.refresh_from_db()
    assert means.state == MeanFaces.State.SUCCEEDED
    assert [cell["faces"] for cell in means.cells] == [1]
    erasures_sweep()
    assert means.output.exists(), "the new ones stay"


def test_mean_faces_in_a_bucket_leave_no_version_after_an_interrupted_removal(
    decide: Callable[..., Decision],
    in_bucket: dict[str, ObjectStorage],
    moto_store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide("real")
    moto_store.keep_versions()
    means = MeanFaces.objects.create(snapshot=snapshot_create(name="first"))
    in_bucket["means"].save(f"{means.pk}/faces/0.png", ContentFile(b"PNG"))
    moto_store.interrupt_next_deletion(monkeypatch)
    with pytest.raises(StorageUnavailable):
        faces_remove(means)
    faces_remove(means)
    assert not [key for key in moto_store.versions() if "/means/" in key]
