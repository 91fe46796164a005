"""The training worker: one run at a time, in a process of its own, so that a crash takes nothing else down."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from celery.signals import worker_shutting_down
from django.conf import settings

from detection.bundle import BundleRefused
from kyc_review.core import folders
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.leases import Alive, no_lease
from kyc_review.core.transfers import every, kept_alive
from kyc_review.datasets import manifest
from kyc_review.datasets.erasure_marks import images_erased
from kyc_review.datasets.snapshot_files import (
    SnapshotFailed,
    manifest_verify,
    snapshot_copies_remove,
    snapshot_folder,
)
from kyc_review.pipeline.heartbeat import PicturesUnreadable, pictures_require
from kyc_review.registry.bundle_files import bundle_check, bundle_folder, changed
from kyc_review.registry.bundles import bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.training.checkpoints import Checkpoints
from kyc_review.training.comparison_groups import groups_of
from kyc_review.training.comparisons import comparison_follow, frozen, replayed
from kyc_review.training.erasure import require_unmarked
from kyc_review.training.jobs import (
    BAD_RESULT,
    BAD_STATUS,
    DISK_FULL,
    KILLED,
    KILLED_FOR_MEMORY,
    JobLost,
    JobRefused,
    State,
    job_end,
    job_give_back,
    job_lease,
    job_renew,
)
from kyc_review.training.keyrings import keyring_for
from kyc_review.training.leftovers import folder_remove, leftovers_remove
from kyc_review.training.local_originals import (
    originals_fetch,
    originals_forget,
    originals_of_ended_forget,
    path_of_original,
)
from kyc_review.training.mean_faces import faces_remove, faces_store, mean_faces_request_missing
from kyc_review.training.models import Comparison, Job, MeanFaces, TrainingRun
from kyc_review.training.outputs import OutputRecorder
from ml.parent_death import PARENT_VARIABLE

log = logging.getLogger(__name__)
WATCH_EVERY_S = 1.0
RENEW_EVERY_S = 10.0
STOP_TIMEOUT_S = 10.0
# For weights, checkpoints and the candidate; copies of what is stored elsewhere come on top.
FREE_BYTES_NEEDED = 1_000_000_000
REFUSED = 2  # `python -m ml` ends so with one line that says why

_stopping = threading.Event()


class Stopping(Exception):
    """This worker was told to stop; the run goes on elsewhere or later."""


@worker_shutting_down.connect
def stop_soon(**_: Any) -> None:
    """The worker shuts down: finish the current step, give the job back, and start no other."""
    _stopping.set()


def run_due_jobs() -> int:
    """Work on what is due until nothing is; returns how many runs and comparisons succeeded."""
    done = 0
    try:
        pictures_require()
    except PicturesUnreadable as reason:
        log.error("no training: %s", reason)
        return 0
    originals_of_ended_forget()
    leftovers_remove()
    while not _stopping.is_set() and (job := _next()):
        try:
            ended_well = _work(job)
            done += ended_well and not isinstance(job, MeanFaces)
        except (JobLost, Stopping) as reason:
            log.warning("%s: %s", job, reason)
        except BaseException:  # stopped, not failed: the next worker goes on
            job_give_back(job)
            raise
    snapshot_copies_remove()
    return done


def _next() -> TrainingRun | Comparison | MeanFaces | None:
    """Runs first, pictures last."""
    mean_faces_request_missing()
    return job_lease(TrainingRun) or job_lease(Comparison) or job_lease(MeanFaces)


def _work(job: TrainingRun | Comparison | MeanFaces) -> bool:
    folders.folder_make(job.directory / "work")
    if not _has_space(job):
        return False
    alive = _alive(job)
    try:
        if not isinstance(job, MeanFaces):
            require_unmarked(job.snapshot)  # it may have been erased while the work waited
        with kept_alive(alive):
            _require_as_registered(job, alive=alive)
    except (JobRefused, SnapshotFailed, BundleRefused, OSError) as refusal:
        _raise_if_it_passes(refusal)
        job_end(job, State.FAILED, error=str(refusal))
        return False
    with ExitStack() as held:
        if isinstance(job, Comparison):
            held.callback(originals_forget, job)
        try:
            with kept_alive(alive):
                folder = snapshot_folder(job.snapshot, erased=images_erased, alive=alive)
                snapshot = held.enter_context(folder)
                arguments = _arguments(job, snapshot, held, alive)
        except (BundleRefused, SnapshotFailed, OSError) as refusal:
            _raise_if_it_passes(refusal)
            job_end(job, State.FAILED, error=str(refusal))
            return False
        checkpoints = Checkpoints(job) if isinstance(job, TrainingRun) else None
        if checkpoints:
            with kept_alive(alive):
                checkpoints.fetch(alive=alive)
        if not _has_space(job):  # what was copied to this machine is on its disk now
            return False
        recorder = OutputRecorder(job)
        given = held.enter_context(keyring_for(job, snapshot))
        output = held.enter_context(open(job.log, "ab"))
        process = subprocess.Popen(  # noqa: S603  # our own command, no shell
            [sys.executable, "-m", "ml", *arguments, "--work", str(job.directory / "work")],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                **given,
                PARENT_VARIABLE: str(os.getpid()),
            },  # it ends when this worker is killed
        )
        with ExitStack() as ending:  # files before rows, which a database that is away refuses
            ending.callback(recorder.end)
            if isinstance(job, Comparison):
                ending.callback(originals_forget, job)
            if checkpoints:
                ending.callback(_keep_last, job, checkpoints)
            ending.callback(_stop, process)
            cancelled = _watch(job, process, recorder, checkpoints)
    if cancelled:
        reason = type(job)._default_manager.values_list("error", flat=True).get(pk=job.pk)
        job_end(job, State.CANCELLED, error=reason)
        _forget(job, checkpoints)
        return False
    succeeded = _conclude(job, process.returncode)
    job.refresh_from_db()
    if job.is_ended:
        _forget(job, checkpoints)
    return succeeded


def _has_space(job: Job) -> bool:
    """Whether its process can write what it makes; else the job has failed. Raises JobLost."""
    free = shutil.disk_usage(job.directory).free
    if free < FREE_BYTES_NEEDED:
        job_end(job, State.FAILED, error=DISK_FULL % {"free": free // 1_000_000})
    return free >= FREE_BYTES_NEEDED


def _forget(job: Job, checkpoints: Checkpoints | None) -> None:
    if checkpoints:
        checkpoints.forget()
    folder_remove(job)


def _raise_if_it_passes(refusal: Exception) -> None:
    """A storage that does not answer fails no job: it is given back, and the sweep tries again."""
    for reason in (refusal, refusal.__cause__):
        if isinstance(reason, StorageUnavailable):
            raise reason


def _require_as_registered(job: TrainingRun | Comparison | MeanFaces, *, alive: Alive) -> None:
    """What is computed with is what was frozen and registered. Raises SnapshotFailed, BundleRefused, OSError."""
    manifest_verify(snapshot=job.snapshot)
    if isinstance(job, TrainingRun):
        bundle_check(job.init, alive=alive)
    elif isinstance(job, Comparison):
        bundle_check(job.champion, alive=alive)
        bundle_check(job.candidate, alive=alive)


def _arguments(
    job: TrainingRun | Comparison | MeanFaces, snapshot: Path, held: ExitStack, alive: Alive
) -> list[str]:
    """The command of the job; what it reads stays on this machine until `held` is closed.

    Raises BundleRefused, OSError.
    """
    if isinstance(job, TrainingRun):
        init = held.enter_context(bundle_folder(job.init, alive=alive))
        return training(job, snapshot=snapshot, init=init)
    if isinstance(job, Comparison):
        champion, candidate = (
            held.enter_context(bundle_folder(bundle, alive=alive)) for bundle in (job.champion, job.candidate)
        )
        return comparing(job, snapshot=snapshot, champion=champion, candidate=candidate, alive=alive)
    return averaging(job, snapshot=snapshot)


def _alive(job: Job, *, may_stop: bool = True) -> Alive:
    """What keeps the lease while the job waits for copies; a result is kept although the worker stops.

    Raises JobLost, Stopping.
    """
    renew = every(RENEW_EVERY_S, partial(job_renew, job))

    def alive() -> None:
        if may_stop and _stopping.is_set():
            job_give_back(job)
            raise Stopping("returned, because this worker stops")
        renew()

    return alive


def averaging(means: MeanFaces, *, snapshot: Path) -> list[str]:
    """What computes mean faces, from what is left of the snapshot's images."""
    faces_remove(means)
    return ["means", "--manifest", str(snapshot / manifest.NAME), "--out", str(means.output)]


def training(run: TrainingRun, *, snapshot: Path, init: Path) -> list[str]:
    """What makes the candidate: the same command that a person would type."""
    shutil.rmtree(run.output, ignore_errors=True)
    parts = ["train", "--manifest", str(snapshot / manifest.NAME), "--out", str(run.output)]
    parts += ["--init", str(init), "--epochs", str(run.epochs)]
    parts += [f"--init-shift={run.init_shift!r}"]
    parts += ["--seed", str(run.seed), "--miss", str(run.miss)]
    parts += ["--balance", run.balance] + ([] if run.weigh else ["--no-weights"])
    return [*parts, "--scratch"] if run.scratch else parts


def comparing(
    comparison: Comparison, *, snapshot: Path, champion: Path, candidate: Path, alive: Alive = no_lease
) -> list[str]:
    """The arguments of a comparison; submissions to replay and groups are passed in files."""
    replay, groups, latest = (
        comparison.replay,
        comparison.directory / "groups.jsonl",
        list(replayed()),
    )
    originals_fetch(comparison, (key for _, key in latest), alive=alive)
    replay.write_text("".join(f"{pk} {path_of_original(comparison, key)}\n" for pk, key in latest))
    with open(groups, "w") as file:
        for pk, belongs in groups_of(chain(frozen(comparison.snapshot), (pk for pk, _ in latest))):
            file.write(json.dumps({"submission": pk, "groups": belongs}) + "\n")
    parts = ["compare", "--manifest", str(snapshot / manifest.NAME), "--replay", str(replay)]
    parts += ["--groups", str(groups), "--champion", str(champion)]
    parts += [f"--champion-shift={comparison.champion_shift!r}"]
    return [*parts, "--candidate", str(candidate), "--out", str(comparison.output)]


def _watch(
    job: Job,
    process: subprocess.Popen[bytes],
    recorder: OutputRecorder,
    checkpoints: Checkpoints | None,
) -> bool:
    """Until the process ends, or somebody asks to cancel: then True. Raises JobLost, Stopping."""
    renewed, alive = 0.0, _alive(job)
    while process.poll() is None:
        if _stopping.is_set():
            job_give_back(job)
            raise Stopping("returned, because this worker stops")
        if time.monotonic() - renewed > RENEW_EVERY_S or _cancel_asked(job):
            if job_renew(job):
                return True
            renewed = time.monotonic()
        recorder.record()
        if checkpoints:
            with kept_alive(alive):
                checkpoints.keep()
        with suppress(subprocess.TimeoutExpired):
            process.wait(WATCH_EVERY_S)
    return False


def _keep_last(job: Job, checkpoints: Checkpoints) -> None:
    """What was finished since the last look. A worker that stops has given its lease back. Raises JobLost."""
    with kept_alive(no_lease if _stopping.is_set() else _alive(job, may_stop=False)):
        checkpoints.keep()


def _cancel_asked(job: Job) -> bool:
    return type(job)._default_manager.filter(pk=job.pk, cancel_asked=True).exists()


def _conclude(job: TrainingRun | Comparison | MeanFaces, status: int) -> bool:
    if status == 0:
        return _succeed(job)
    last = last_line(job.log, begins="ml " if status == REFUSED else "")
    if status == REFUSED:
        job_end(job, State.FAILED, error=last.partition(": ")[2] or last)
    elif status < 0:
        died = KILLED_FOR_MEMORY if -status == signal.SIGKILL else KILLED
        job_give_back(job, f"{died % {'signal': signal.Signals(-status).name}} {last}")
    else:
        job_give_back(job, BAD_STATUS % {"status": status, "line": last})
    return False


def _succeed(job: TrainingRun | Comparison | MeanFaces) -> bool:
    """Whether the result was kept. Raises StorageUnavailable: the result waits on this machine, members stay."""
    alive = _alive(job, may_stop=False)
    with kept_alive(alive):
        return _kept(job, alive)


def _kept(job: TrainingRun | Comparison | MeanFaces, alive: Alive) -> bool:
    try:
        if isinstance(job, TrainingRun):
            bundle = bundle_register(
                path=job.output, source=Bundle.Source.TRAINED, actor=job.created_by, alive=alive
            )
            job_end(job, State.SUCCEEDED, candidate=bundle)
            comparison_follow(run=job, candidate=bundle)
        elif isinstance(job, MeanFaces):
            cells = json.loads((job.output / "cells.json").read_text())
            faces_store(job, alive=alive)
            job_end(job, State.SUCCEEDED, cells=cells)
        else:
            report = json.loads(job.output.read_text())
            _require_measured(job, report, alive=alive)
            job_end(job, State.SUCCEEDED, report=report)
    except (BundleRefused, SnapshotFailed, OSError, ValueError, JobRefused) as error:
        _raise_if_it_passes(error)
        if not isinstance(error, JobRefused):
            job_end(job, State.FAILED, error=BAD_RESULT % {"error": error})
            return False
        log.warning("no comparison after %s: %s", job, error)
    log.info("%s: done", job)
    shutil.rmtree(job.directory / "work" / "members", ignore_errors=True)
    return True


def _require_measured(job: Comparison, report: dict[str, Any], *, alive: Alive = no_lease) -> None:
    """A proposal rests on these figures. Raises BundleRefused when they are of other files or another snapshot."""
    _require_as_registered(job, alive=alive)
    for role, bundle in (("champion", job.champion), ("candidate", job.candidate)):
        if (digest := report[role]["digest"]) != bundle.digest:
            raise BundleRefused(changed(bundle, digest))


def last_line(file: Path, *, begins: str = "") -> str:
    """The last line of text that begins so, of the file's last 4 kB: torchrun prints more lines after a refusal."""
    with open(file, "rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
        lines = stream.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip() and line.startswith(begins)), "")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
