"""`manage.py stack` as a user runs it: the whole product in processes of its own."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from devstack import pidfile
from devstack.cli import memory_mb
from devstack.paths import REPOSITORY, StackPaths
from tests.factories.processes import eventually, free_port, processes_of

READY = re.compile(r"ready after ([0-9.]+) s at http://127.0.0.1:(\d+)")


def stack(state_dir: Path, *arguments: str) -> list[str]:
    return ["env", f"DATA_DIR={state_dir}", sys.executable, "manage.py", "stack", *arguments]


def run(state_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = stack(state_dir, *arguments)
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=90)


@pytest.fixture
def up(state_dir: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """up() starts the stack and returns when it says that it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            stack(state_dir, "up", "--port", str(free_port()), *arguments),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if READY.search(line):
                return process
        pytest.fail("".join(said))

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def port_of(process: "subprocess.Popen[str]") -> int:
    arguments = [str(argument) for argument in process.args]  # type: ignore[union-attr]
    return int(arguments[arguments.index("--port") + 1])


def entry(state_dir: Path, name: str) -> psutil.Process:
    found = next(one.living() for one in pidfile.read(StackPaths(state_dir)) if one.name == name)
    assert found
    return found


@pytest.mark.slow
def test_the_stack_serves_survives_kill_9_restarts_children_and_stops_in_order(
    state_dir: Path, up: Callable[..., "subprocess.Popen[str]"]
) -> None:
    first = up()
    assert status_of(port_of(first), "/livez") == 200
    assert status_of(port_of(first), "/readyz") == 200
    web = entry(state_dir, "web")
    assert memory_mb(web, children=web.children(recursive=True)) < 150
    shown = run(state_dir, "status").stdout
    assert [line.split()[0] for line in shown.splitlines()] == [
        "supervisor", "postgres", "valkey", "scoring", "default", "training", "evidence", "beat", "web",
    ]  # fmt: skip

    web.suspend()  # ends all the same: nothing depends on a process that would have to wake up first
    first.kill()
    first.communicate()
    assert eventually(lambda: processes_of(state_dir) == []), processes_of(state_dir)

    second = up()
    worker = entry(state_dir, "default")
    worker.kill()
    assert eventually(lambda: entry_pid(state_dir, "default") not in (None, worker.pid))
    assert status_of(port_of(second), "/readyz") == 200

    second.send_signal(signal.SIGINT)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert "stopped; the data stays" in said
    assert said.index("Granian shutdown completed") < said.index("Warm shutdown")
    assert processes_of(state_dir) == []
    assert not StackPaths(state_dir).env_file.exists()


def entry_pid(state_dir: Path, name: str) -> int | None:
    return next(
        (one.pid for one in pidfile.read(StackPaths(state_dir)) if one.name == name and one.living()), None
    )


def test_a_port_in_use_is_one_line_and_exit_code_1(state_dir: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        refused = run(state_dir, "up", "--port", str(busy.getsockname()[1]))
    assert refused.returncode == 1
    assert re.fullmatch(r"error: port \d+ is in use by another program: .*choose another.*\n", refused.stderr)


def test_a_port_that_is_no_number_is_one_line(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PORT", "eighty")
    refused = run(state_dir, "up")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "PORT=eighty is no port" in refused.stderr


def test_status_and_down_say_that_nothing_runs(state_dir: Path) -> None:
    assert (run(state_dir, "status").returncode, run(state_dir, "down").returncode) == (1, 0)
    assert "no stack runs here" in run(state_dir, "down").stdout


def test_reset_deletes_only_what_a_stack_made(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / "letter").write_text("not ours")
    assert "nothing to delete" in run(state_dir, "reset").stdout
    assert (state_dir / "letter").exists()
