"""Which processes belong to this stack, on disk, so that a later start ends what a killed supervisor left behind."""

import fcntl
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from devstack.errors import AlreadyRunning
from devstack.paths import StackPaths
from devstack.process import open_private
from kyc_review.core.files import write_private

TOKEN_VARIABLE = "KYC_STACK_TOKEN"  # noqa: S105 - the name of a variable
# psutil derives start times from the boot time, which moves a little when the clock is set.
START_TOLERANCE_S = 3.0


@dataclass(frozen=True)
class Entry:
    """A process that was started: its id counts only together with its start time (ids come round again)."""

    name: str
    pid: int
    started_s: float
    stop_signal: int = signal.SIGTERM

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: int = signal.SIGTERM) -> "Entry | None":
        try:
            return cls(name, pid, psutil.Process(pid).create_time(), stop_signal)
        except psutil.Error:
            return None

    def living(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_s) < START_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def read(paths: StackPaths) -> list[Entry]:
    """The supervisor first (name `supervisor`), then what it started."""
    try:
        return [Entry(**row) for row in json.loads(paths.run_file.read_text())]
    except (OSError, ValueError, TypeError):
        return []


def write(paths: StackPaths, entries: list[Entry]) -> None:
    write_private(paths.run_file, json.dumps([vars(entry) for entry in entries], indent=1))


def supervisor(paths: StackPaths) -> psutil.Process | None:
    return next((entry.living() for entry in read(paths) if entry.name == "supervisor"), None)


def acquire_lock(paths: StackPaths) -> IO[str]:
    """The lock that one supervisor per state directory holds as long as it lives; close it to let go."""
    lock = open_private(paths.lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        holder = supervisor(paths)
        who = f" (process {holder.pid})" if holder else ""
        raise AlreadyRunning(
            f"a stack already runs on {paths.root}{who}: use it, or stop it with `make down`"
        ) from None
    return lock


def end_orphans(paths: StackPaths, postgres_data: Path, token: str) -> list[str]:
    """End what an earlier supervisor left running; returns names. Only call while holding the lock.

    A process is ours when the run-file has its id and start time, when it carries this stack's token in its
    environment (children of children), or when it is the Postgres whose working directory is our data directory.
    """
    left: dict[int, tuple[str, psutil.Process, int]] = {}
    for entry in read(paths):
        process = entry.living()
        if process and entry.name != "supervisor":
            left[process.pid] = (entry.name, process, entry.stop_signal)
    for process in _processes_with_token(token):
        left.setdefault(process.pid, (process.name(), process, signal.SIGTERM))
    postmaster = _postmaster(postgres_data)
    if postmaster:
        left.setdefault(postmaster.pid, ("postgres", postmaster, signal.SIGINT))
    _end([(process, stop_signal) for _, process, stop_signal in left.values()])
    if not _postmaster(postgres_data):
        (postgres_data / "postmaster.pid").unlink(
            missing_ok=True
        )  # its process id may be a stranger's by now
    paths.run_file.unlink(missing_ok=True)
    return sorted({name for name, _, _ in left.values()})


def _processes_with_token(token: str) -> list[psutil.Process]:
    ourselves = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in ourselves and process.environ().get(TOKEN_VARIABLE) == token:
                found.append(process)
        except (psutil.Error, OSError):  # gone meanwhile, or another user's
            continue
    return found


def _postmaster(postgres_data: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((postgres_data / "postmaster.pid").read_text().split()[0]))
        return process if Path(process.cwd()) == postgres_data else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def _end(processes: list[tuple[psutil.Process, int]]) -> None:
    for process, stop_signal in processes:
        try:
            process.send_signal(stop_signal)
        except psutil.NoSuchProcess:
            continue
    _, stubborn = psutil.wait_procs([process for process, _ in processes], timeout=10)
    for process in stubborn:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(stubborn, timeout=5)
