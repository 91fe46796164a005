"""The training worker with real training processes: killed, cancelled, refused."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.conf import settings as django_settings
from django.db import connection

from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.registry.bundles import bundle_promote, bundle_register
from kyc_review.submissions.models import Submission
from kyc_review.training import worker
from kyc_review.training.comparisons import comparison_request
from kyc_review.training.jobs import job_cancel
from kyc_review.training.models import TrainingRun
from kyc_review.training.progress import log_tail, progress_of
from kyc_review.training.runs import run_request
from tests.factories.bundles import small_bundle
from tests.factories.decisions import decide_all
from tests.factories.runs import lapse

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROOT = Path(__file__).parents[3]
State = TrainingRun.State


@pytest.fixture
def run(submit: Callable[..., Submission], alice: User, tmp_path: Path, key_file: Path) -> TrainingRun:
    """On encrypted pictures."""
    bundle_promote(
        actor=None, bundle=bundle_register(path=small_bundle(tmp_path / "served"), source="baseline")
    )
    decide_all(submit, alice)
    return run_request(snapshot=snapshot_create(name="first"), epochs=2)


def eventually(true: Callable[[], object], timeout_s: float = 60) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def worker_process(tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A worker of its own, on the test's database and folders."""
    settings = connection.settings_dict
    user = f"{settings['USER']}:{settings['PASSWORD']}@" if settings["USER"] else ""
    url = f"postgres://{user}{settings['HOST'] or ''}:{settings['PORT'] or ''}/{settings['NAME']}"
    if str(settings["HOST"]).startswith("/"):
        url = f"postgres://{user}%2F{settings['HOST'][1:].replace('/', '%2F')}:{settings['PORT']}/{settings['NAME']}"
    code = "import django; django.setup(); from kyc_review.training import worker; worker.run_due_jobs()"
    places = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path), "BUNDLES_DIR": str(tmp_path / "bundles")}
    places |= {"KEY_ENCRYPTION": "true", "KEY_ENCRYPTION_KEY_FILE": django_settings.KEY_ENCRYPTION_KEY_FILE}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | places | {"DJANGO_SETTINGS_MODULE": "kyc_review.settings"},
    )


def test_a_killed_worker_takes_its_training_along_and_the_next_one_goes_on(
    run: TrainingRun, tmp_path: Path
) -> None:
    dying = worker_process(tmp_path)
    try:
        first = run.directory / "work" / "members" / "north.safetensors"
        assert eventually(first.exists)
        training = psutil.Process(dying.pid).children()
        assert [" ".join(one.cmdline()[1:4]) for one in training] == ["-m ml train"]
        dying.send_signal(signal.SIGKILL)
        assert eventually(
            lambda: not training[0].is_running() or training[0].status() == psutil.STATUS_ZOMBIE
        )
    finally:
        dying.kill()
        dying.wait()
    told = run.progress.read_text().count('"north"')
    run.refresh_from_db()
    assert run.state == State.RUNNING
    lapse(run)
    assert worker.run_due_jobs() == 2  # the run, and the comparison that it asks for
    assert run.progress.read_text().count('"north"') == told  # it was not trained again
    run.refresh_from_db()
    assert (run.state, run.attempts) == (State.SUCCEEDED, 2)
    assert run.candidate is not None
    progress = progress_of(run)
    assert progress.percent == 100
    assert [curve.member for curve in progress.losses] == ["north", "east", "south", "west"]
    assert "recall" in log_tail(run) or "reach a human" in log_tail(run)


def test_a_cancelled_run_stops_within_seconds(run: TrainingRun, tmp_path: Path) -> None:
    TrainingRun.objects.update(epochs=200)
    working = worker_process(tmp_path)
    try:
        assert eventually(lambda: progress_of(run).done)
        job_cancel(job=run, actor=None)
        assert working.wait(timeout=30) == 0
    finally:
        working.kill()
        working.wait()
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert run.candidate is None


def test_a_refusal_of_the_training_is_the_runs_reason_and_not_tried_again(run: TrainingRun) -> None:
    image = next((run.snapshot.directory / "images").iterdir())
    image.write_bytes(b"changed")
    assert worker.run_due_jobs() == 0
    run.refresh_from_db()
    assert (run.state, run.attempts) == (State.FAILED, 1)
    assert "SHA-256 differs" in run.error


def test_nothing_is_computed_from_a_manifest_or_bundle_that_was_changed(run: TrainingRun) -> None:
    manifest = run.snapshot.manifest
    frozen = manifest.read_bytes()
    manifest.chmod(0o600)
    manifest.write_bytes(frozen.replace(b'"fake"', b'"real"'))
    assert worker.run_due_jobs() == 0
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "was changed after it was frozen" in run.error
    manifest.write_bytes(frozen)
    again = run_request(snapshot=run.snapshot, epochs=2)
    weights = next(again.init.directory.glob("*.safetensors"))
    weights.chmod(0o600)
    weights.write_bytes(b"changed")
    assert worker.run_due_jobs() == 0
    again.refresh_from_db()
    assert again.state == State.FAILED
    assert weights.name in again.error


def test_the_reason_of_a_refusal_is_found_before_what_torchrun_says_of_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ml train: too few\nW1121 closing signal SIGTERM\nE1121 failed (exitcode: 2)\n\n")
    assert worker.last_line(log, begins="ml ") == "ml train: too few"
    assert worker.last_line(log) == "E1121 failed (exitcode: 2)"


def test_a_report_of_other_files_is_no_comparison(run: TrainingRun, tmp_path: Path) -> None:
    candidate = bundle_register(path=small_bundle(tmp_path / "other", version="v9"), source="imported")
    job = comparison_request(snapshot=run.snapshot, candidate=candidate, actor=None)
    found = {"champion": {"digest": job.champion.digest}, "candidate": {"digest": candidate.digest}}
    worker._require_measured(job, found)
    found["candidate"]["digest"] = "0" * 64
    with pytest.raises(BundleRefused, match="was changed"):
        worker._require_measured(job, found)
