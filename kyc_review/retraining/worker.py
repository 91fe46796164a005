"""The training worker: one run at a time, in a process of its own, so that a crash takes nothing else down."""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery.signals import worker_shutting_down
from django.conf import settings

from detection.bundle import BundleRefused
from kyc_review.retraining import files, runs
from kyc_review.retraining.models import TrainingRun
from kyc_review.retraining.runs import RunLost

log = logging.getLogger(__name__)
WATCH_EVERY_S = 1.0
RENEW_EVERY_S = 10.0
STOP_TIMEOUT_S = 10.0
# Weights, checkpoints and the candidate; images are read from the snapshot.
FREE_BYTES_NEEDED = 1_000_000_000
REFUSED = 2  # `python -m ml` ends so with one line that says why
PR_SET_PDEATHSIG = 1

_stopping = threading.Event()


class Stopping(Exception):
    """This worker was told to stop; the run goes on elsewhere or later."""


@worker_shutting_down.connect
def stop_soon(**_: Any) -> None:
    _stopping.set()


def train_due() -> int:
    """Work on due runs until none is left; returns how many candidates were made."""
    made = 0
    while not _stopping.is_set() and (run := runs.run_lease()):
        try:
            made += _work(run)
        except (RunLost, Stopping) as reason:
            log.warning("%s: %s", run, reason)
        except BaseException:  # stopped, not failed: the next worker goes on from the last finished member
            runs.run_give_back(run)
            raise
    return made


def _work(run: TrainingRun) -> bool:
    files.folder_make(run.directory)
    free = shutil.disk_usage(run.directory).free
    if free < FREE_BYTES_NEEDED:
        runs.run_fail(
            run, f"The disk has {free // 1_000_000} MB free, training needs 1,000 MB. Free some space."
        )
        return False
    with open(run.log, "ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own command, no shell
            command(run),
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_worker() if sys.platform == "linux" else None,
        )
        try:
            cancelled = _watch(run, process)
        finally:
            _stop(process)
    if cancelled:
        runs.run_stopped(run)
        return False
    return _conclude(run, process.returncode)


def command(run: TrainingRun) -> list[str]:
    """What makes the candidate: the same command that a person would type."""
    shutil.rmtree(run.output, ignore_errors=True)
    parts = [
        sys.executable,
        "-m",
        "ml",
        "train",
        "--manifest",
        str(run.snapshot.manifest),
        "--out",
        str(run.output),
    ]
    parts += ["--init", str(run.init.directory), "--work", str(run.directory / "work")]
    parts += ["--epochs", str(run.epochs), "--seed", str(run.seed), "--miss", str(run.miss)]
    return [*parts, "--scratch"] if run.scratch else parts


def _watch(run: TrainingRun, process: subprocess.Popen[bytes]) -> bool:
    """Until the process ends, or somebody asks to cancel: then True. Raises RunLost, Stopping."""
    renewed = 0.0
    while process.poll() is None:
        if _stopping.is_set():
            runs.run_give_back(run)
            raise Stopping("given back, this worker stops")
        if time.monotonic() - renewed > RENEW_EVERY_S or _cancel_asked(run):
            if runs.run_renew(run):
                return True
            renewed = time.monotonic()
        time.sleep(WATCH_EVERY_S)
    return False


def _cancel_asked(run: TrainingRun) -> bool:
    return TrainingRun.objects.filter(pk=run.pk, cancel_asked=True).exists()


def _conclude(run: TrainingRun, status: int) -> bool:
    if status == 0:
        try:
            bundle = runs.run_succeed(run)
        except (BundleRefused, OSError) as error:
            runs.run_fail(run, f"The candidate cannot be registered: {error}")
            return False
        log.info("run %d made candidate %s", run.pk, bundle)
        shutil.rmtree(run.directory / "work" / "members", ignore_errors=True)
        return True
    last = last_line(run.log)
    if status == REFUSED:
        runs.run_fail(run, last.removeprefix("ml train: "))
    elif status < 0:
        died = f"It was ended by {signal.Signals(-status).name}"
        hint = " (out of memory?)" if -status == signal.SIGKILL else ""
        runs.run_give_back(run, f"{died}{hint}. {last}")
    else:
        runs.run_give_back(run, f"It ended with status {status}: {last}")
    return False


def last_line(file: Path) -> str:
    """The last line with text in it, from the file's last 4 kB."""
    with open(file, "rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
        lines = stream.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _die_with_worker() -> Callable[[], None]:
    """Linux ends the training when its worker is killed: two must never write to one folder."""
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return before_exec
