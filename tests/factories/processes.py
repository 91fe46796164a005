"""Processes of an embedded stack: finding them, and a small supervisor to kill."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from devstack import pidfile
from devstack.paths import REPOSITORY, StackPaths


def processes_of(state_dir: Path) -> list[psutil.Process]:
    """All that its run-file names, that have it on their command line or its token in their environment."""
    token = ""
    if StackPaths(state_dir).secrets.exists():
        token = json.loads(StackPaths(state_dir).secrets.read_text())["token"]
    # Valkey and Postgres overwrite their command line and environment with a title.
    found = [process for entry in pidfile.read(StackPaths(state_dir)) if (process := entry.living())]
    for process in psutil.process_iter():
        try:
            ours = str(state_dir) in " ".join(process.cmdline())
            ours = ours or (token != "" and process.environ().get("KYC_STACK_TOKEN") == token)
            if ours and process not in found and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def eventually(is_so: Callable[[], bool], timeout_s: float = 60) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Keeper:
    """keeper.py in a process of its own; `urls` are its services' addresses."""

    def __init__(
        self, state_dir: Path, command: tuple[str, ...] = (sys.executable,), **options: object
    ) -> None:
        self.process = subprocess.Popen(
            [*command, "-m", "tests.devstack.keeper", str(state_dir)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate()
            pytest.fail(f"the keeper did not start: {errors}")
        self.urls: dict[str, str] = json.loads(line)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def wait_for(
    condition: Callable[[], bool], seconds: float = 120, each: Callable[[], None] = lambda: None
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        each()
        time.sleep(0.02)
