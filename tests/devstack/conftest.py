import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devstack import pidfile
from devstack.paths import REPOSITORY, StackPaths

PROVIDED = (
    "DATABASE_URL",
    "VALKEY_URL",
    "SECRET_KEY",
    "DATA_DIR",
    "HTTPS",
    "PUBLIC_URL",
    "STATIC_ROOT",
    "PORT",
)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names no service, so that the stack starts its own."""
    for name in PROVIDED:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def state_dir(bare: None) -> Iterator[Path]:
    """A state directory that other accounts may pass; nothing of it runs when the test is over."""
    folder = Path(tempfile.mkdtemp(prefix="kyc-stack-"))
    folder.chmod(0o711)
    yield folder / "state"
    for process in processes_of(folder / "state"):
        process.kill()
    pointer = StackPaths(folder / "state").postgres_pointer
    if pointer.exists():
        shutil.rmtree(Path(pointer.read_text().strip()).parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


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
            ours = ours or (token and process.environ().get("KYC_STACK_TOKEN") == token)
            if ours and process not in found and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def eventually(is_so: Callable[[], bool], timeout_s: float = 20) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


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


@pytest.fixture
def keeper(state_dir: Path) -> Iterator[Callable[..., Keeper]]:
    kept: list[Keeper] = []

    def make(**options: object) -> Keeper:
        kept.append(Keeper(state_dir, **options))  # type: ignore[arg-type]
        return kept[-1]

    yield make
    for one in kept:
        one.kill()
