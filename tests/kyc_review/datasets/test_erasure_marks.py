"""What an erased submission leaves in snapshots and models: marks, no pictures, and no further learning."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import get_args

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from detection.decoding.facts import Format
from kyc_review.accounts.models import User
from kyc_review.datasets import erasure_marks, snapshot_builder
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.selectors import snapshots_trainable, unused_decisions
from kyc_review.datasets.snapshot_builder import LeaseLost
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshots import (
    snapshot_build,
    snapshot_create,
    snapshot_request,
    snapshot_verify,
    snapshots_build_due,
)
from kyc_review.lifecycle.erase import erasures_sweep, submission_erase
from kyc_review.registry.models import Bundle
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.training import worker
from kyc_review.training.comparisons import comparison_request, replayed
from kyc_review.training.jobs import JobRefused, job_lease
from kyc_review.training.models import Comparison, TrainingRun
from kyc_review.training.runs import run_request
from tests.factories.image_files import saved
from tests.factories.pages import collapsed
from tests.factories.phone_files import heic
from tests.factories.photographs import photograph
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


def erase(decision: Decision) -> None:
    submission_erase(submission_id=decision.submission_id, reason="The applicant asked.")
    erasures_sweep()


def images(snapshot: Snapshot) -> list[str]:
    return sorted(path.name for path in (snapshot.directory / "images").iterdir())


def items(snapshot: Snapshot) -> dict[str, dict]:
    return {item["submission"]: item for item in json.loads(snapshot.manifest.read_text())["items"]}


@pytest.mark.parametrize("image_format", get_args(Format))
def test_a_picture_of_every_format_is_copied_and_erased(
    decide: Callable[..., Decision], image_format: str
) -> None:
    face = photograph().resize((96, 128))
    image = heic(face) if image_format == "HEIC" else saved(face, image_format)
    decision = decide("fake", image=image)
    assert decision.submission.format == image_format
    snapshot = snapshot_create()
    copy = snapshot.directory / items(snapshot)[str(decision.submission_id)]["path"]
    assert copy.read_bytes() == image
    erase(decision)
    assert images(snapshot) == []


def test_a_snapshot_is_marked_its_copy_goes_and_its_manifest_stays(
    decide: Callable[..., Decision], ada: User
) -> None:
    gone, kept = decide("fake"), decide("real")
    snapshot = snapshot_create(name="first")
    before = snapshot.manifest.read_bytes()
    assert erasure_marks.snapshot_mark_unchecked(snapshot) is None
    erase(gone)
    assert images(snapshot) == [f"{kept.submission.sha256}.jpg"]
    assert snapshot.manifest.read_bytes() == before
    mark = erasure_marks.snapshot_mark_unchecked(snapshot)
    assert mark is not None
    assert (mark.number, mark.since) == (1, Submission.objects.get(pk=gone.submission_id).erased_at)
    assert erasure_marks.snapshot_marks(viewer=ada, snapshots=[snapshot]) == {snapshot.pk: mark}


def test_verification_says_erased_and_still_finds_what_is_broken(decide: Callable[..., Decision]) -> None:
    gone, kept = decide("fake"), decide("real")
    snapshot = snapshot_create(name="first")
    erase(gone)
    out = StringIO()
    call_command("snapshot", "verify", "first", stdout=out)
    assert "erased: 1" in out.getvalue()
    (snapshot.directory / "images" / f"{kept.submission.sha256}.jpg").unlink()
    with pytest.raises(CommandError, match="missing or was changed"):
        call_command("snapshot", "verify", "first", stdout=out)


def test_an_image_that_somebody_else_posted_too_stays_for_their_sake(decide: Callable[..., Decision]) -> None:
    same = jpeg_bytes(seed=9)
    one, two = decide("fake", image=same), decide("fake", image=same)
    snapshot = snapshot_create()
    erase(one)
    assert len(images(snapshot)) == 1
    assert snapshot_verify(snapshot=snapshot) == 2
    erase(two)
    assert images(snapshot) == []
    assert snapshot_verify(snapshot=snapshot) == 2


def test_nothing_trains_on_or_is_measured_on_a_marked_snapshot(
    decide: Callable[..., Decision],
    ready: Snapshot,
    serving: Bundle,
    registered: Callable[..., Bundle],
    ada: User,
) -> None:
    gone = decide("fake")
    snapshot = snapshot_create()
    assert snapshot in snapshots_trainable(viewer=ada)
    erase(gone)
    assert snapshot not in snapshots_trainable(viewer=ada)
    with pytest.raises(JobRefused, match="holds 1 face that was erased since"):
        run_request(snapshot=snapshot)
    with pytest.raises(JobRefused, match="Make a new snapshot"):
        comparison_request(actor=None, snapshot=snapshot, candidate=registered("v9"))
    assert str(gone.submission_id) not in dict(replayed())


def put_into(snapshot: Snapshot, decision: Decision) -> None:
    snapshot.items.create(decision=decision)


def test_runs_on_what_holds_it_end_with_the_reason(decide: Callable[..., Decision], run: TrainingRun) -> None:
    gone = decide("fake")
    put_into(run.snapshot, gone)
    other = run_request(snapshot=run.snapshot, seed=1)
    running = job_lease(TrainingRun)
    assert running == run
    erase(gone)
    run.refresh_from_db()
    other.refresh_from_db()
    assert (run.state, run.cancel_asked) == ("running", True), "its process is told to stop"
    assert other.state == "cancelled"
    assert "erased" in run.error
    assert "erased" in other.error


def test_work_that_waited_while_a_face_was_erased_is_refused_when_it_begins(
    decide: Callable[..., Decision], ready: Snapshot, serving: Bundle, registered: Callable[..., Bundle]
) -> None:
    gone = decide("fake")
    put_into(ready, gone)
    comparison = comparison_request(actor=None, snapshot=ready, candidate=registered("v9"))
    erase(gone)
    assert worker.run_due_jobs() == 0
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.FAILED
    assert "erased since" in comparison.error


def test_a_new_snapshot_leaves_it_out_and_keeps_everybody_else_on_their_side(
    decide: Callable[..., Decision], ada: User
) -> None:
    decisions = [decide("fake" if n % 2 else "real", applicant_ref=f"p-{n}") for n in range(12)]
    before = items(snapshot_create(name="before"))
    erase(decisions[0])
    assert not unused_decisions(viewer=ada).exists()
    after = items(snapshot_create(name="after"))
    assert set(after) == set(before) - {str(decisions[0].submission_id)}
    assert {key: item["holdout"] for key, item in after.items()} == {
        key: item["holdout"] for key, item in before.items() if key in after
    }


def test_gold_and_the_sandbox_stay_out_after_an_erasure_too(
    decide: Callable[..., Decision], alice: User
) -> None:
    kept, gold, sandbox, gone = (decide("fake") for _ in range(4))
    Submission.objects.filter(pk=sandbox.submission_id).update(is_test=True)
    again = ReviewItem.objects.create(
        submission=gold.submission, reason="gold", risk=0.5, state="decided", decided_at=timezone.now()
    )
    Decision.objects.create(
        item=again, submission=gold.submission, reviewer=alice, label="real", handling_ms=1
    )
    erase(gone)
    held = items(snapshot_create())
    assert {key: item["label"] for key, item in held.items()} == {
        str(kept.submission_id): "fake",
        str(gold.submission_id): "fake",
    }


def test_a_set_in_the_making_begins_again_without_it(decide: Callable[..., Decision]) -> None:
    gone, kept = decide("fake"), decide("real")
    snapshot = snapshot_request(actor=None)
    Snapshot.objects.update(
        state="building", lease_holder="somebody", attempts=1, due_at=timezone.now() + timedelta(hours=1)
    )
    erase(gone)
    with pytest.raises((LeaseLost, SnapshotFailed)):
        snapshot_builder.build(snapshot, "somebody")
    Snapshot.objects.update(due_at=timezone.now())
    assert snapshots_build_due() == 1
    snapshot.refresh_from_db()
    assert (snapshot.count_real, snapshot.count_fake, snapshot.attempts) == (1, 0, 1)
    assert set(items(snapshot)) == {str(kept.submission_id)}
    assert erasure_marks.snapshot_mark_unchecked(snapshot) is None


def test_a_set_of_which_nothing_is_left_fails_with_its_reason(decide: Callable[..., Decision]) -> None:
    gone = decide("fake")
    snapshot = snapshot_request(actor=None)
    erase(gone)
    with pytest.raises(SnapshotFailed, match="erased before"):
        snapshot_build(snapshot=snapshot)


def made(digest: str, **provenance: object) -> Bundle:
    return Bundle.objects.create(
        digest=digest * 64, version=f"v-{digest}", source="trained", provenance=provenance
    )


def test_a_model_is_marked_and_so_is_what_was_fine_tuned_from_it(
    decide: Callable[..., Decision], ada: User
) -> None:
    gone = decide("fake")
    first = snapshot_create(name="first")
    decide("real")
    erase_later = decide("real")
    second = snapshot_create(name="second")
    baseline = made("0")
    trained = made("1", snapshot_sha256=first.manifest_sha256, trained_from_digest="0" * 64)
    tuned = made("2", snapshot_sha256="e" * 64, trained_from_digest="1" * 64)
    scratch = made("3", snapshot_sha256="e" * 64, trained_from_digest="1" * 64, scratch=True)
    both = made("4", snapshot_sha256=second.manifest_sha256, trained_from_digest="2" * 64)
    everything = [baseline, trained, tuned, scratch, both]
    assert erasure_marks.bundle_marks(viewer=ada, bundles=everything) == {}
    erase(gone)
    erase(erase_later)
    marks = erasure_marks.bundle_marks(viewer=ada, bundles=everything)
    assert {pk: mark.number for pk, mark in marks.items()} == {trained.pk: 1, tuned.pk: 1, both.pk: 2}
    assert erasure_marks.bundles_holding_unchecked(gone.submission_id) == [trained, tuned, both]


def test_strangers_to_retraining_learn_nothing_from_the_marks(
    decide: Callable[..., Decision], alice: User
) -> None:
    gone = decide("fake")
    snapshot = snapshot_create()
    model = made("1", snapshot_sha256=snapshot.manifest_sha256)
    erase(gone)
    assert erasure_marks.snapshot_marks(viewer=alice, snapshots=[snapshot]) == {}
    assert erasure_marks.bundle_marks(viewer=alice, bundles=[model]) == {}
    assert erasure_marks.export_count(viewer=alice, snapshot=snapshot) == 0
    assert erasure_marks.holders_of_submission(viewer=alice, submission_id=gone.submission_id) == ([], [])


def test_every_page_of_the_loop_says_what_is_held(
    decide: Callable[..., Decision], serving: Bundle, ada: User, staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:  # fmt: skip
    gone, _ = decide("fake"), decide("real")
    snapshot = snapshot_create(name="first")
    candidate = made("1", snapshot_sha256=snapshot.manifest_sha256)
    run = TrainingRun.objects.create(snapshot=snapshot, init=serving, state="succeeded", candidate=candidate)
    comparison = Comparison.objects.create(
        snapshot=snapshot, champion=serving, candidate=candidate, state="failed"
    )
    window: Client = login(ada)
    auditor: Client = login(staff("audrey", "auditor"))
    b"".join(auditor.get("/retraining/snapshots/first/archive/").streaming_content)  # type: ignore[attr-defined]
    erase(gone)
    today = f"{timezone.now():%Y-%m-%d}"
    pages = {
        path: collapsed(window.get(path))
        for path in (
            "/retraining/",
            "/retraining/snapshots/first/",
            f"/retraining/comparisons/{comparison.pk}/",
            f"/retraining/runs/{run.pk}/",
        )
    }
    for path, page in pages.items():
        assert "1 erased" in page, path
        assert today in page, path
    assert "downloaded or exported 1 time." in pages["/retraining/snapshots/first/"]
    face = f"/retraining/snapshots/first/faces/{gone.submission_id}/"
    assert window.get(face).status_code == 404
    history = window.get(f"/insights/submissions/{gone.submission_id}/").content.decode()
    assert "first" in history
    assert "v-1" in history


def test_the_command_line_names_what_is_marked(
    decide: Callable[..., Decision], serving: Bundle, tmp_path: Path
) -> None:
    gone = decide("fake")
    snapshot = snapshot_create(name="first")
    made("1", snapshot_sha256=snapshot.manifest_sha256)
    out = StringIO()
    call_command("submission", "erase", str(gone.submission_id), "--reason", "asked", stdout=out)
    call_command("bundle", "list", stdout=out)
    call_command("bundle", "show", "v-1", stdout=out)
    told = out.getvalue()
    assert "Marked: snapshot first" in told
    assert "Marked: bundle v-1" in told
    assert "holds 1 erased" in told


def test_a_race_between_erasing_and_freezing_leaves_no_copy(decide: Callable[..., Decision]) -> None:
    """The set was frozen from what an uncommitted erasure had not emptied yet: the sweep finds it by its rows."""
    gone = decide("fake")
    snapshot = snapshot_create()
    copy = snapshot.directory / "images" / f"{gone.submission.sha256}.jpg"
    kept = copy.read_bytes()
    erase(gone)
    copy.write_bytes(kept)
    erasures_sweep()
    assert not copy.exists()
