"""Label Studio in its own environment and database, installed and filled once and kept for the next run.

Served like the product: granian with as many threads, Postgres of the same kind with the same settings. Its
calls to the internet (version check, analytics, error reports, each of which waits for a time-out where there
is none) are switched off by its documented variables.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.compare import BenchError
from devstack import credentials, pidfile, services
from devstack.paths import REPOSITORY
from devstack.processes import answers
from devstack.progress import Console, Say

HOME = REPOSITORY / ".local" / "bench" / "label-studio"
THEIRS = Path(__file__).with_name("theirs")
INSTALL_TIMEOUT_S, FILL_TIMEOUT_S, START_TIMEOUT_S = 900, 900, 120
THREADS = 12
QUIET = {
    "LATEST_VERSION_CHECK": "0",
    "COLLECT_ANALYTICS": "0",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "DEBUG": "0",
    "LOG_LEVEL": "ERROR",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "1",
}


@dataclass(frozen=True)
class LabelStudio:
    port: int
    queue: int
    intake: int
    tokens: list[str]
    web: psutil.Process
    postgres: psutil.Process


@contextmanager
def label_studio(say: Say, *, tasks: int, annotators: int) -> Iterator[LabelStudio]:
    """Running, with `tasks` open tasks. Call from the main thread. Raises BenchError with the step that failed."""
    python = _installed(say)
    with services.lock_state_dir(HOME / "stack", Console(), say, quiet=True) as (paths, runner):
        urls = services.start(paths, runner, durable=True, say=say)
        environment = {
            **os.environ,
            **QUIET,
            **_database(urls.owner_url or urls.database_url),  # it migrates itself
            "BASE_DATA_DIR": str(HOME / "files"),
        }
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        say(f"Label Studio: migrations and {tasks} tasks (the first time takes minutes)")
        made = json.loads(
            _step(
                "filling",
                [python, str(THEIRS / "fill.py"), str(tasks), str(annotators)],
                environment,
                FILL_TIMEOUT_S,
            ).splitlines()[-1]
        )
        port = credentials.port(paths, "web")
        command = [python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", "1", "--blocking-threads", str(THREADS), "--runtime-threads", "1", "--no-ws"]
        command += ["--working-dir", str(THEIRS), "wsgi:application"]
        with open(paths.logs / "label-studio.log", "w") as log:
            server = subprocess.Popen(command, env=environment, cwd=THEIRS, stdout=log, stderr=log)
        try:
            _until_it_answers(server, port, paths.logs / "label-studio.log")
            postgres = next(entry.living() for entry in pidfile.read(paths) if entry.name == "postgres")
            assert postgres is not None
            yield LabelStudio(port, web=psutil.Process(server.pid), postgres=postgres, **made)
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _installed(say: Say) -> str:
    """Its Python; creates the environment if it is missing or pins another version."""
    venv, wanted = HOME / "venv", (THEIRS / "requirements.txt").read_text()
    stamp = venv / ".installed"
    python = str(venv / "bin" / "python")
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    HOME.mkdir(parents=True, exist_ok=True)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise BenchError("uv is missing; `make bench` installs it")
    say("Label Studio: installing it into an environment of its own (about 800 MB, minutes)")
    _step(
        "making its environment",
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)],
        dict(os.environ),
        INSTALL_TIMEOUT_S,
    )
    install = [uv, "pip", "install", "--quiet", "--python", python, "-r", str(THEIRS / "requirements.txt")]
    _step("installing", install, dict(os.environ), INSTALL_TIMEOUT_S)
    stamp.write_text(wanted)
    return python


def _step(name: str, command: list[str], environment: dict[str, str], timeout_s: float) -> str:
    """What the command printed. Raises BenchError with one line when it fails or takes too long."""
    try:
        done = subprocess.run(
            command, env=environment, cwd=HOME, capture_output=True, text=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"Label Studio: {name} took longer than {timeout_s:.0f} s") from None
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["it gave no reason"]
        raise BenchError(f"Label Studio: {name} failed: {words[-1]}")
    return done.stdout


def _database(url: str) -> dict[str, str]:
    """Label Studio's names for the parts of a database's URL."""
    parts = urlsplit(url)
    return {
        "DJANGO_DB": "default",
        "POSTGRE_HOST": parts.hostname or "",
        "POSTGRE_PORT": str(parts.port),
        "POSTGRE_USER": parts.username or "",
        "POSTGRE_PASSWORD": parts.password or "",
        "POSTGRE_NAME": parts.path.lstrip("/"),
    }


def _until_it_answers(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(port, "/health"):
        if server.poll() is not None or time.monotonic() > deadline:
            words = log.read_text().strip().splitlines() or ["it said nothing"]
            raise BenchError(f"Label Studio did not answer within {START_TIMEOUT_S} s: {words[-1]}")
        time.sleep(0.3)
