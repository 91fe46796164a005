"""Training on a machine that shares no disk with the others: from a snapshot in S3 to a candidate that scores."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.utils import timezone

from encrypted_files import stream
from kyc_review.accounts.models import User
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage import ObjectStorage
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.pipeline import champion
from kyc_review.pipeline import worker as scoring_worker
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from kyc_review.training import worker
from kyc_review.training.checkpoints import Checkpoints
from kyc_review.training.jobs import job_lease, job_renew, job_stop
from kyc_review.training.leftovers import leftovers_remove
from kyc_review.training.mean_faces import face_open
from kyc_review.training.models import Comparison, Job, MeanFaces, TrainingRun
from kyc_review.training.outputs import OutputRecorder
from kyc_review.training.progress import log_tail, progress_of
from kyc_review.training.runs import run_request
from tests.factories.bundles import small_bundle
from tests.factories.decisions import decide_all
from tests.factories.object_stores import Store
from tests.factories.portraits import portrait_bytes

pytestmark = pytest.mark.django_db
NO_IMAGES = b'{"items": [\n]}\n'  # a manifest


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_candidate_is_trained_on_one_machine_compared_and_scored_by_another(
    moto_store: Store,
    in_store: Callable[[Store], None],
    in_bucket: dict[str, ObjectStorage],
    machine: Callable[[str], Path],
    submit: Callable[..., Submission],
    alice: User,
    tmp_path: Path,
    key_file: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_store(moto_store)
    web = machine("web")
    served = bundle_register(path=small_bundle(tmp_path / "served"), source="baseline")
    bundle_promote(actor=None, bundle=served)
    decide_all(submit, alice)
    run = run_request(snapshot=snapshot_create(name="first"), epochs=1)
    trainer = machine("trainer")
    assert worker.run_due_jobs() == 2
    run.refresh_from_db()
    assert (run.state, Comparison.objects.get().state) == ("succeeded", "succeeded"), run.error
    assert names(trainer / "copies" / "snapshots") == [".lock"]
    assert names(trainer / "training") == names(trainer / "means") == names(trainer / "comparison") == []
    machine("web")
    means = MeanFaces.objects.get()
    with face_open(means, means.cells[0]["file"]) as file:
        assert stream.is_encrypted(file.read())
    assert names(web) == []
    assert progress_of(run).percent == 100
    assert "recall" in log_tail(run) or "reach a human" in log_tail(run)
    assert "/training/" not in " ".join(moto_store.keys())

    machine("scorer")
    settings.SCORING_DEVICE, settings.SCORING_THREADS = "cpu", 1
    monkeypatch.setattr(champion, "_loaded", None)
    assert run.candidate is not None
    bundle_promote(actor=None, bundle=run.candidate)
    row = submit(image=portrait_bytes(7))
    scoring_worker.run_until_idle()
    assert Scoring.objects.get(submission=row).bundle_digest == run.candidate.digest


@pytest.fixture
def begun(run: TrainingRun, in_bucket: dict[str, ObjectStorage], machine: Callable[[str], Path]) -> Path:
    """The work of a run of which one machine finished a member; its folder."""
    machine("first")
    work = run.directory / "work"
    (work / "members").mkdir(parents=True)
    (work / "options.json").write_text(json.dumps({"seed": 0}))
    (work / "members" / "north.safetensors").write_bytes(b"weights")
    (work / "members" / "east.part").write_bytes(b"half")
    return work


def test_another_machine_goes_on_from_what_was_finished(
    run: TrainingRun, begun: Path, machine: Callable[[str], Path], in_bucket: dict[str, ObjectStorage]
) -> None:
    checkpoints = Checkpoints(run)
    checkpoints.keep()
    checkpoints.keep()
    assert len(in_bucket["training"].listdir(str(run.pk))[1]) == 2
    second = machine("second")
    Checkpoints(run).fetch()
    assert names(second) == ["north.safetensors", "options.json"]
    assert (run.directory / "work" / "members" / "north.safetensors").read_bytes() == b"weights"
    Checkpoints(run).forget()
    assert in_bucket["training"].listdir(str(run.pk))[1] == []


def test_a_damaged_checkpoint_is_trained_again_and_one_that_is_not_stored_yet_is_tried_again(
    run: TrainingRun,
    begun: Path,
    machine: Callable[[str], Path],
    in_bucket: dict[str, ObjectStorage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage, checkpoints = in_bucket["training"], Checkpoints(run)
    with monkeypatch.context() as patch:

        def silent(name: str, content: object) -> str:
            raise StorageUnavailable(name, "the object storage does not answer")

        patch.setattr(storage, "save", silent)
        checkpoints.keep()
    checkpoints.keep()
    (weights,) = (name for name in storage.listdir(str(run.pk))[1] if name.endswith(".safetensors"))
    storage.save(f"{run.pk}/{weights}", ContentFile(b"other weights"))
    second = machine("second")
    Checkpoints(run).fetch()
    assert names(second) == ["options.json"]


def test_a_storage_that_does_not_answer_fails_no_run(
    run: TrainingRun, in_bucket: dict[str, ObjectStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(name: str, mode: str = "rb") -> None:
        raise StorageUnavailable(name, "the object storage does not answer")

    monkeypatch.setattr(in_bucket["snapshots"], "open", silent)
    with pytest.raises(StorageUnavailable):
        worker.run_due_jobs()
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 0)


@pytest.fixture
def ready(db: None) -> Snapshot:
    """Its manifest names no image."""
    return Snapshot.objects.create(
        name="ready",
        state=Snapshot.State.READY,
        digest="d" * 64,
        manifest_sha256=hashlib.sha256(NO_IMAGES).hexdigest(),
        ready_at=timezone.now(),
        count_real=120,
        count_fake=80,
    )


@pytest.fixture
def frozen(in_bucket: dict[str, ObjectStorage], ready: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot's files are in the bucket; its mean faces are not asked for."""
    in_bucket["snapshots"].save(f"{ready.name}/manifest.json", ContentFile(NO_IMAGES))
    monkeypatch.setattr(worker, "mean_faces_request_missing", lambda: 0)


@pytest.fixture
def trained(
    frozen: None, machine: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[TrainingRun], Path]:
    """trained(run): its process ends well at once and leaves a candidate and a member; their folder."""

    def prepare(run: TrainingRun) -> Path:
        machine("trainer")
        monkeypatch.setattr(worker, "comparison_follow", lambda **_: None)

        def process(run: TrainingRun, **_: object) -> list[str]:
            shutil.rmtree(run.output, ignore_errors=True)
            small_bundle(run.output)
            (run.directory / "work" / "members").mkdir(exist_ok=True)
            (run.directory / "work" / "members" / "north.safetensors").write_bytes(b"weights")
            return ["--help"]

        monkeypatch.setattr(worker, "training", process)
        return run.directory

    return prepare


def test_a_storage_that_goes_away_when_the_run_ends_costs_nothing(
    in_bucket: dict[str, ObjectStorage],
    run: TrainingRun,
    trained: Callable[[TrainingRun], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = trained(run)
    with monkeypatch.context() as patch:

        def silent(name: str, content: object) -> str:
            raise StorageUnavailable(name, "the object storage does not answer")

        patch.setattr(in_bucket["bundles"], "save", silent)
        with pytest.raises(StorageUnavailable):
            worker.run_due_jobs()
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == ("queued", 0, "")
    assert "north.safetensors" in names(folder / "work")
    assert len(in_bucket["training"].listdir(str(run.pk))[1]) == 1
    assert worker.run_due_jobs() == 1
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert (folder.exists(), in_bucket["training"].listdir(str(run.pk))[1]) == (False, [])


def test_pictures_of_mean_faces_that_are_not_stored_yet_are_tried_again(
    in_bucket: dict[str, ObjectStorage], ready: Snapshot, machine: Callable[[str], Path]
) -> None:
    machine("trainer")
    means = MeanFaces.objects.create(snapshot=ready)
    means.output.mkdir(parents=True)
    (means.output / "cells.json").write_text("[]")
    (means.output / "1.png").write_bytes(b"PNG")
    held = job_lease(MeanFaces)
    assert held is not None

    def silent(name: str, content: object) -> str:
        raise StorageUnavailable(name, "the object storage does not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_bucket["means"], "save", silent)
        with pytest.raises(StorageUnavailable):
            worker._succeed(held)
    means.refresh_from_db()
    assert means.state == "running"


def rows_refused(*_: object) -> None:
    raise OperationalError("the database is away")


def test_what_was_finished_is_stored_although_the_database_is_away_when_the_process_ends(
    in_bucket: dict[str, ObjectStorage],
    run: TrainingRun,
    trained: Callable[[TrainingRun], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    members = trained(run) / "work" / "members"

    def watched(_: TrainingRun, process: "subprocess.Popen[bytes]", *__: object) -> bool:
        process.wait()
        (members / "last.safetensors").write_bytes(b"weights")
        return False

    monkeypatch.setattr(worker, "_watch", watched)
    monkeypatch.setattr(OutputRecorder, "end", rows_refused)
    with pytest.raises(OperationalError):
        worker.run_due_jobs()
    stored = in_bucket["training"].listdir(str(run.pk))[1]
    assert sorted(name.partition("-")[2] for name in stored) == ["last.safetensors", "north.safetensors"]


@pytest.mark.parametrize("away", ["begin", "end"])
def test_no_copy_of_an_original_stays_although_the_database_is_away(
    frozen: None,
    comparison: Comparison,
    machine: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    away: str,
) -> None:
    machine("trainer")
    Comparison.objects.update(state="queued", report={})
    copy = comparison.directory / "originals" / "1.jpg"

    def process(*_: object, **__: object) -> list[str]:
        copy.parent.mkdir()
        copy.write_bytes(b"JPEG")
        comparison.replay.write_text("")
        return ["--help"]

    monkeypatch.setattr(worker, "comparing", process)
    monkeypatch.setattr(OutputRecorder, "__init__" if away == "begin" else "end", rows_refused)
    with pytest.raises(OperationalError):
        worker.run_due_jobs()
    assert comparison.directory.exists()
    assert not copy.exists()


def test_nothing_of_jobs_that_ended_elsewhere_or_without_a_worker_stays(
    in_bucket: dict[str, ObjectStorage],
    run: TrainingRun,
    begun: Path,
    frozen: None,
    comparison: Comparison,
) -> None:
    others = run_request(snapshot=run.snapshot, epochs=2)
    others.directory.mkdir(parents=True)
    TrainingRun.objects.filter(pk=others.pk).update(
        state="running", lease_holder="other", due_at=timezone.now() + timedelta(hours=1)
    )
    comparison.directory.mkdir(parents=True)
    unknown = comparison.directory.with_name("999999")
    unknown.mkdir()
    Checkpoints(run).keep()
    in_bucket["training"].save(f"{others.pk}/0-north.safetensors", ContentFile(b"weights"))
    job_stop(job=run, actor=None)
    assert worker.run_due_jobs() == 0
    assert [path.exists() for path in (run.directory, comparison.directory)] == [False, False]
    assert [path.exists() for path in (others.directory, unknown)] == [True, True]
    assert in_bucket["training"].listdir("")[0] == [str(others.pk)]


def test_a_local_storage_keeps_the_folders_of_ended_jobs(comparison: Comparison) -> None:
    comparison.directory.mkdir(parents=True)
    leftovers_remove()
    assert comparison.directory.exists()


def test_the_lease_is_renewed_while_each_file_is_transferred(
    in_bucket: dict[str, ObjectStorage],
    run: TrainingRun,
    trained: Callable[[TrainingRun], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained(run)
    monkeypatch.setattr(worker, "RENEW_EVERY_S", -1.0)
    renewed: list[Job] = []
    transferred: dict[str, set[str]] = {"_receive": set(), "put": set()}

    def renew(job: Job) -> bool:
        renewed.append(job)
        return job_renew(job)

    def watched(method: str) -> None:
        """The lease is renewed between the beginning and the end of it, for each object."""
        transfer = getattr(ObjectStorage, method)

        def wrapper(storage: ObjectStorage, name: str, *rest: Any, **more: Any) -> None:
            before = len(renewed)
            transfer(storage, name, *rest, **more)
            if "/images/" not in name:  # those are read in threads
                assert len(renewed) > before, name
                transferred[method].add(Path(name).suffix)

        monkeypatch.setattr(ObjectStorage, method, wrapper)

    for method in transferred:
        watched(method)
    monkeypatch.setattr(worker, "job_renew", renew)
    assert worker.run_due_jobs() == 1
    assert transferred["_receive"] >= {".safetensors", ".json"}  # bundles and the snapshot's manifest
    assert transferred["put"] >= {".safetensors", ".json"}


def test_copies_that_fill_the_disk_fail_the_run_before_its_process_starts(
    trained: Callable[[TrainingRun], Path], run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(run)
    free = iter([2_000_000_000, 900_000_000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    assert worker.run_due_jobs() == 0
    run.refresh_from_db()
    assert run.state == "failed"
    assert "900 MB free" in run.error
