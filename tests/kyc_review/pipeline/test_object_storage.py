"""The way of a selfie whose files are in a bucket, and how workers wait while the store does not answer."""

import io
import threading
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from PIL import Image

from kyc_review.accounts.models import User
from kyc_review.datasets import snapshot_builder
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshots import snapshot_create, snapshots_build_due
from kyc_review.evidence.models import Evidence
from kyc_review.evidence.services import evidence_lease_renew
from kyc_review.lifecycle.erase import files_remove, submission_erase
from kyc_review.pipeline import evidence_worker, worker
from kyc_review.pipeline.submission_leases import leases_renew
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.scoring.models import Scoring
from kyc_review.scoring.state import originals_missing
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.claims import item_claim_next
from tests.factories.object_stores import Disturbance, Store, disturbing
from tests.factories.portraits import portrait_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_worker")]


@pytest.fixture(autouse=True)
def fresh_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kyc_review.pipeline.champion._loaded", None)


@pytest.fixture
def disturbed(moto: str, moto_store: Store, in_store: Callable[..., None]) -> Iterator[Disturbance]:
    with disturbing(moto) as state:
        in_store(moto_store, url=state.url)
        yield state


def test_from_post_to_erasure_nothing_needs_a_folder(
    store: Store,
    in_store: Callable[[Store], None],
    champion: Bundle,
    key_file: object,
    api: Client,
    alice: User,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_store(store)
    storage_identity_ensure()
    form = {"image": SimpleUploadedFile("a.jpg", portrait_bytes()), "external_ref": "a"}
    assert api.post("/api/v1/submissions", form, headers={"Idempotency-Key": "a"}).status_code == 202
    assert worker.run_until_idle() == 1
    row = Submission.objects.get()
    if not ReviewItem.objects.exists():  # whatever the tiny bundle said
        Submission.objects.update(state=State.IN_REVIEW, result="")
        items_open([(row.pk, "split_vote", 0.5)])
    assert evidence_worker.run_until_idle() == 1
    item = item_claim_next(reviewer=alice)
    assert item is not None
    page = Client()
    page.force_login(alice)
    shown = page.get(f"/review/items/{item.pk}/image/")
    assert Image.open(io.BytesIO(shown.getvalue())).format == "JPEG"
    call_command("verify")
    assert "1 submissions with their pictures, 1 of them read" in capsys.readouterr().out
    submission_erase(submission_id=row.pk, reason="asked for")
    row.refresh_from_db()
    assert files_remove(row)
    assert store.keys() == ["kyc-review/originals/identity"]
    call_command("verify")


def test_selfies_wait_for_a_store_that_does_not_answer(
    disturbed: Disturbance, champion: Bundle, submit: Callable[..., Submission], settings: LazySettings
) -> None:
    row = submit(image=portrait_bytes())
    disturbed.status = 503
    assert worker.run_until_idle() == 0
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.RECEIVED, 0)
    assert originals_missing() == 1
    assert not ReviewItem.objects.exists()
    assert not Scoring.objects.exists()
    disturbed.end()
    Submission.objects.update(due_at=Now())
    assert worker.run_until_idle() == 1


@pytest.mark.parametrize("may_read", [False, True])
def test_evidence_waits_for_a_store_that_does_not_answer(
    disturbed: Disturbance, enqueue: Callable[..., ReviewItem], may_read: bool
) -> None:
    item = enqueue(image=portrait_bytes())
    Evidence.objects.create(submission=item.submission)
    disturbed.status, disturbed.only = 503, "PUT" if may_read else ""
    assert evidence_worker.run_until_idle() == 0
    row = Evidence.objects.get()
    assert (row.state, row.attempts) == (Evidence.State.WAITING, 0)
    disturbed.end()
    Evidence.objects.update(due_at=Now())
    assert evidence_worker.run_until_idle() == 1


def test_a_snapshot_waits_for_a_store_that_does_not_answer(
    disturbed: Disturbance, decide: Callable[..., Decision]
) -> None:
    decide("real")
    decide("fake")
    disturbed.status = 503
    with pytest.raises(SnapshotFailed, match="does not answer"):
        snapshot_create()
    row = Snapshot.objects.get()
    assert (row.state, row.attempts) == (Snapshot.State.PENDING, 0)
    assert snapshots_build_due() == 0, "it is not due yet"
    disturbed.end()
    Snapshot.objects.update(due_at=Now())
    assert snapshots_build_due() == 1


def test_a_page_says_that_the_picture_cannot_be_shown_now(
    disturbed: Disturbance, claimed: ReviewItem, alice: User
) -> None:
    page = Client()
    page.force_login(alice)
    disturbed.status = 503
    answer = page.get(f"/review/items/{claimed.pk}/image/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    disturbed.end()
    assert page.get(f"/review/items/{claimed.pk}/image/").status_code == 200


def test_selfies_keep_their_lease_while_their_originals_arrive(
    disturbed: Disturbance,
    champion: Bundle,
    submit: Callable[..., Submission],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = submit(image=portrait_bytes() + bytes(600_000))
    settings.SCORING_LEASE_S = 0.3
    disturbed.waits_halfway = True

    def renew(*, holder: str) -> None:
        leases_renew(holder=holder)
        assert Submission.objects.get(due_at__gt=Now()).lease_holder == holder
        disturbed.goes_on.set()

    monkeypatch.setattr(worker, "leases_renew", renew)
    assert worker.run_until_idle() == 1
    assert disturbed.goes_on.is_set()
    row.refresh_from_db()
    assert (row.state, row.attempts) != (State.RECEIVED, 0)


def test_a_lease_is_not_renewed_for_a_store_that_sends_nothing(
    disturbed: Disturbance,
    champion: Bundle,
    submit: Callable[..., Submission],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit(image=portrait_bytes())
    settings.SCORING_LEASE_S = 0.3
    disturbed.is_silent = True
    renewed: list[str] = []
    monkeypatch.setattr(worker, "leases_renew", lambda *, holder: renewed.append(holder))
    in_silence: list[int] = []

    def end() -> None:
        in_silence.append(len(renewed))
        disturbed.end()

    threading.Timer(1, end).start()
    worker.run_until_idle()
    assert in_silence == [0]


def test_evidence_keeps_its_lease_while_its_original_arrives(
    disturbed: Disturbance,
    enqueue: Callable[..., ReviewItem],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Evidence.objects.create(submission=enqueue(image=portrait_bytes() + bytes(600_000)).submission)
    settings.EVIDENCE_LEASE_S = 0
    disturbed.waits_halfway = True

    def renew(*, evidence: Evidence) -> None:
        evidence_lease_renew(evidence=evidence)
        disturbed.goes_on.set()

    monkeypatch.setattr(evidence_worker, "evidence_lease_renew", renew)
    assert evidence_worker.run_until_idle() == 1


def test_a_snapshot_keeps_its_lease_while_originals_arrive(
    disturbed: Disturbance, decide: Callable[..., Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("real", image=portrait_bytes() + bytes(600_000))
    decide("fake", image=portrait_bytes(2) + bytes(600_000))
    monkeypatch.setattr(snapshot_builder, "RENEW_S", -1)
    disturbed.waits_halfway = True
    renew = snapshot_builder._renew

    def renewed(snapshot: Snapshot, holder: str) -> None:
        renew(snapshot, holder)
        disturbed.goes_on.set()

    monkeypatch.setattr(snapshot_builder, "_renew", renewed)
    assert snapshot_create().state == Snapshot.State.READY
