"""One process of the stack: what to run, how it says that it is ready, how it stops."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from devstack.os_user import OsUser

EXEC_WRAPPER = Path(__file__).with_name("exec_wrapper.py")


@dataclass(frozen=True)
class ProcessSpec:
    name: str
    command: tuple[str, ...]
    # Programs of a higher rank stop first, those of one rank together.
    rank: int
    environment: Mapping[str, str] = field(default_factory=dict)
    # What it obeys by finishing in good order.
    stop_signal: signal.Signals = signal.SIGTERM
    # What Linux sends it when the supervisor dies; None: the same.
    death_signal: signal.Signals | None = None
    stop_timeout_s: float = 10.0
    account: OsUser | None = None
    folder: Path = Path("/")
    # A file that receives the program's output.
    log: Path | None = None
    # True: the output comes through the supervisor, which also shows it, each line with the program's name before it.
    # False: it goes straight to `log`, or to our own console where there is no log.
    relayed: bool = False
    # Asked until true; None: ready when a relayed line contains `ready_line`, or at once without one.
    is_ready: Callable[[], bool] | None = None
    ready_line: str = ""
    ready_timeout_s: float = 60.0


def open_private(path: Path | str) -> TextIO:
    """To append whole lines; a new file is its owner's alone, for logs name addresses and references."""
    return open(path, "a", buffering=1, opener=lambda name, flags: os.open(name, flags, 0o600))


def spawn(program: ProcessSpec) -> subprocess.Popen[str]:
    """Start it in a session of its own. Call from the main thread: Linux watches the thread that started a process."""
    account = program.account
    wrapper = [
        sys.executable,
        "-I",
        "-S",
        str(EXEC_WRAPPER),
        str(os.getpid()),
        str(int(program.death_signal or program.stop_signal)),
    ]
    wrapper += [str(account.uid), str(account.gid)] if account else ["-1", "-1"]
    output = open_private(program.log) if program.log and not program.relayed else None
    try:
        return subprocess.Popen(
            [*wrapper, *program.command],
            env={**os.environ, **program.environment},
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program.relayed else output,
            stderr=subprocess.STDOUT if program.relayed or output else None,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops everything in order
        )
    finally:
        if output:
            output.close()


def stop(running: list[tuple[ProcessSpec, "subprocess.Popen[str]"]]) -> list[str]:
    """Stop these together; returns the names of those that had to be killed.

    Whatever a program left in its process group (a web server's own workers) goes with it.
    """
    for program, process in running:
        if process.poll() is None:
            process.send_signal(program.stop_signal)
    killed = []
    deadline = time.monotonic() + max((program.stop_timeout_s for program, _ in running), default=0)
    for program, process in running:
        try:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            killed.append(program.name)
        kill_group(process)
    return killed


def kill_group(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is empty
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
