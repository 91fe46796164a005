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
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from celery.signals import worker_shutting_down
from django.conf import settings

from detection.bundle import BundleRefused
from kyc_review.retraining import erasures, files
from kyc_review.retraining.bundles import bundle_register
from kyc_review.retraining.comparisons import comparison_request, frozen, replayed
from kyc_review.retraining.grouping import groups_of
from kyc_review.retraining.models import Bundle, Comparison, MeanFaces, TrainingRun, Work
from kyc_review.retraining.work import (
    State,
    WorkLost,
    WorkRefused,
    work_end,
    work_give_back,
    work_lease,
    work_renew,
)
from ml.parent_death import PARENT_VARIABLE

log = logging.getLogger(__name__)
WATCH_EVERY_S = 1.0
RENEW_EVERY_S = 10.0
STOP_TIMEOUT_S = 10.0
# Weights, checkpoints and the candidate; images are read from the snapshot.
FREE_BYTES_NEEDED = 1_000_000_000
REFUSED = 2  # `python -m ml` ends so with one line that says why

_stopping = threading.Event()


class Stopping(Exception):
    """This worker was told to stop; the run goes on elsewhere or later."""


@worker_shutting_down.connect
def stop_soon(**_: Any) -> None:
    _stopping.set()


def work_due() -> int:
    """Work on what is due until nothing is; returns how many runs and comparisons succeeded."""
    done = 0
    while not _stopping.is_set() and (work := _next()):
        try:
            ended_well = _work(work)
            done += ended_well and not isinstance(work, MeanFaces)
        except (WorkLost, Stopping) as reason:
            log.warning("%s: %s", work, reason)
        except BaseException:  # stopped, not failed: the next worker goes on
            work_give_back(work)
            raise
    return done


def _next() -> TrainingRun | Comparison | MeanFaces | None:
    """Runs first, pictures last."""
    return work_lease(TrainingRun) or work_lease(Comparison) or work_lease(MeanFaces)


def _work(work: TrainingRun | Comparison | MeanFaces) -> bool:
    files.folder_make(work.directory / "work")
    free = shutil.disk_usage(work.directory).free
    if free < FREE_BYTES_NEEDED:
        error = (
            f"The disk has {free // 1_000_000} MB free, this needs 1,000 MB. Free some space and ask again."
        )
        work_end(work, State.FAILED, error=error)
        return False
    try:
        if not isinstance(work, MeanFaces):
            erasures.require_unmarked(work.snapshot)  # it may have been erased while the work waited
    except WorkRefused as refusal:
        work_end(work, State.FAILED, error=str(refusal))
        return False
    arguments = _arguments(work)
    with open(work.log, "ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own command, no shell
            [sys.executable, "-m", "ml", *arguments, "--work", str(work.directory / "work")],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},  # it ends when this worker is killed
        )
        try:
            cancelled = _watch(work, process)
        finally:
            _stop(process)
    if cancelled:
        reason = type(work)._default_manager.values_list("error", flat=True).get(pk=work.pk)
        work_end(work, State.CANCELLED, error=reason)
        return False
    return _conclude(work, process.returncode)


def _arguments(work: TrainingRun | Comparison | MeanFaces) -> list[str]:
    if isinstance(work, TrainingRun):
        return training(work)
    return comparing(work) if isinstance(work, Comparison) else averaging(work)


def averaging(means: MeanFaces) -> list[str]:
    """What computes mean faces, from what is left of the snapshot's images."""
    shutil.rmtree(means.output, ignore_errors=True)
    return ["means", "--manifest", str(means.snapshot.manifest), "--out", str(means.output)]


def training(run: TrainingRun) -> list[str]:
    """What makes the candidate: the same command that a person would type."""
    shutil.rmtree(run.output, ignore_errors=True)
    parts = ["train", "--manifest", str(run.snapshot.manifest), "--out", str(run.output)]
    parts += ["--init", str(run.init.directory), "--epochs", str(run.epochs)]
    parts += ["--seed", str(run.seed), "--miss", str(run.miss)]
    parts += ["--balance", run.balance] + ([] if run.weigh else ["--no-weights"])
    return [*parts, "--scratch"] if run.scratch else parts


def comparing(comparison: Comparison) -> list[str]:
    """What compares; the submissions to replay, and the groups that all belong to, are in files beside it."""
    replay, groups, latest = (
        comparison.directory / "replay.txt",
        comparison.directory / "groups.jsonl",
        list(replayed()),
    )
    replay.write_text("".join(f"{pk} {path}\n" for pk, path in latest))
    with open(groups, "w") as file:
        for pk, belongs in groups_of(chain(frozen(comparison.snapshot), (pk for pk, _ in latest))):
            file.write(json.dumps({"submission": pk, "groups": belongs}) + "\n")
    parts = ["compare", "--manifest", str(comparison.snapshot.manifest), "--replay", str(replay)]
    parts += ["--groups", str(groups), "--champion", str(comparison.champion.directory)]
    return [*parts, "--candidate", str(comparison.candidate.directory), "--out", str(comparison.output)]


def _watch(work: Work, process: subprocess.Popen[bytes]) -> bool:
    """Until the process ends, or somebody asks to cancel: then True. Raises WorkLost, Stopping."""
    renewed = 0.0
    while process.poll() is None:
        if _stopping.is_set():
            work_give_back(work)
            raise Stopping("given back, this worker stops")
        if time.monotonic() - renewed > RENEW_EVERY_S or _cancel_asked(work):
            if work_renew(work):
                return True
            renewed = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            process.wait(WATCH_EVERY_S)
    return False


def _cancel_asked(work: Work) -> bool:
    return type(work)._default_manager.filter(pk=work.pk, cancel_asked=True).exists()


def _conclude(work: TrainingRun | Comparison | MeanFaces, status: int) -> bool:
    if status == 0:
        return _succeed(work)
    last = last_line(work.log, begins="ml " if status == REFUSED else "")
    if status == REFUSED:
        work_end(work, State.FAILED, error=last.partition(": ")[2] or last)
    elif status < 0:
        died = f"It was ended by {signal.Signals(-status).name}"
        hint = " (out of memory?)" if -status == signal.SIGKILL else ""
        work_give_back(work, f"{died}{hint}. {last}")
    else:
        work_give_back(work, f"It ended with status {status}: {last}")
    return False


def _succeed(work: TrainingRun | Comparison | MeanFaces) -> bool:
    try:
        if isinstance(work, TrainingRun):
            bundle = bundle_register(path=work.output, source=Bundle.Source.TRAINED, actor=work.created_by)
            work_end(work, State.SUCCEEDED, candidate=bundle)
            comparison_request(snapshot=work.snapshot, candidate=bundle, actor=work.created_by)
        elif isinstance(work, MeanFaces):
            work_end(work, State.SUCCEEDED, cells=json.loads((work.output / "cells.json").read_text()))
        else:
            work_end(work, State.SUCCEEDED, report=json.loads(work.output.read_text()))
    except (BundleRefused, OSError, ValueError, WorkRefused) as error:
        if not isinstance(error, WorkRefused):
            work_end(work, State.FAILED, error=f"Its result cannot be used: {error}")
            return False
        log.warning("no comparison after %s: %s", work, error)
    log.info("%s: done", work)
    shutil.rmtree(work.directory / "work" / "members", ignore_errors=True)
    return True


def last_line(file: Path, *, begins: str = "") -> str:
    """The last line with text in it that begins so, from the file's last 4 kB: torchrun talks on after a refusal."""
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
