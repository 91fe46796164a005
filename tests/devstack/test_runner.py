import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from devstack import paths, pidfile, runner
from devstack.errors import StackRefused
from devstack.process import ProcessSpec
from devstack.progress import Console
from devstack.runner import Runner
from tests.factories.processes import eventually

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def running(state_dir: Path, said: io.StringIO) -> Iterator[Runner]:
    made = Runner(paths.prepare_state_dir(state_dir), "token", Console(said))
    yield made
    made.stop_all()


def program(
    code: str, *, name: str = "child", rank: int = 0, ready_line: str = "", stop_timeout_s: float = 10
) -> ProcessSpec:
    command = (sys.executable, "-u", "-c", code)
    return ProcessSpec(
        name, command, rank, relayed=True, ready_line=ready_line, stop_timeout_s=stop_timeout_s
    )


def pids(running: Runner) -> dict[str, int]:
    return {name: one.process.pid for name, one in running._running.items()}


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0]
    except OSError:
        return False


def test_a_child_that_dies_is_started_again(running: Runner, said: io.StringIO) -> None:
    running.start(program(SLEEP))
    first = pids(running)["child"]
    os.kill(first, signal.SIGKILL)

    def is_back() -> bool:
        running.watch()
        return pids(running)["child"] != first

    assert eventually(is_back, 5)
    assert "died (signal 9); starts again in 0.5 s" in said.getvalue()


def test_what_a_program_makes_and_its_log_are_its_owners_alone(running: Runner, state_dir: Path) -> None:
    made, logs = state_dir / "made", state_dir / "logs"
    code = f"import os; os.makedirs('{made}/deep'); open('{made}/deep/file', 'x'); print('made')"

    def has_made(log: Path) -> bool:
        return log.exists() and "made" in log.read_text()

    for relayed in (True, False):
        log = logs / f"{relayed}.log"
        one = replace(program(code.replace("made/", f"made/{relayed}/")), log=log, relayed=relayed)
        running.start(replace(one, name=str(relayed)))
        assert eventually(partial(has_made, log), 10)
        assert log.stat().st_mode & 0o777 == 0o600
    modes = {path.stat().st_mode & 0o777 for path in made.rglob("*")}
    assert modes == {0o600, 0o700}


def test_a_child_that_dies_at_once_waits_longer_each_time(
    running: Runner, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RESTART_FIRST_S", 0.1)
    running.start(program("raise SystemExit(3)"))
    running._running["child"].restart_wait_s = 0.1

    def waited_thrice() -> bool:
        running.watch()
        return "exit code 3); starts again in 0.4 s" in said.getvalue()

    assert eventually(waited_thrice, 10)


def test_a_command_that_has_ended_is_no_longer_listed(running: Runner) -> None:
    running.start(program(SLEEP))
    running.start(program("pass", name="once"))
    assert eventually(lambda: running.ended("once") == 0, 5)
    assert [entry.name for entry in pidfile.read(running._places)] == ["supervisor", "child"]


def test_its_lines_carry_its_name_and_the_expected_one_makes_it_ready(
    running: Runner, said: io.StringIO
) -> None:
    running.start(program(f"print('child is ready.'); {SLEEP}", ready_line="ready."))
    running.wait_ready("child")
    assert eventually(lambda: "child     | child is ready." in said.getvalue(), 5)


def test_a_full_disk_does_not_stop_a_program(running: Runner) -> None:
    code = "for _ in range(20_000): print('x' * 100)\nprint('ready', flush=True); import time; time.sleep(60)"
    one = replace(program(code, ready_line="ready"), log=Path("/dev/full"))
    running.start(one)
    running.wait_ready(one.name)


def test_a_child_that_ends_before_it_is_ready_is_refused(running: Runner) -> None:
    running.start(program("raise SystemExit(3)", ready_line="ready."))
    with pytest.raises(StackRefused, match="child stopped at its start"):
        running.wait_ready("child")


def test_higher_ranks_stop_first(running: Runner, said: io.StringIO) -> None:
    slow_end = (
        "import signal, sys, time\n"
        "signal.signal(15, lambda *_: (print('ended', time.monotonic_ns()), sys.exit()))\nprint('up')\n"
    )
    for name, rank in (("database", 0), ("worker", 2), ("web", 3)):
        running.start(program(f"{slow_end}time.sleep(600)", name=name, rank=rank, ready_line="up"))
        running.wait_ready(name)
    running.stop_all()
    assert eventually(lambda: said.getvalue().count("ended") == 3, 5)
    ended = [line.split() for line in said.getvalue().splitlines() if "ended" in line]
    # By their own clocks: each program's output is read by a thread of its own.
    order = [words[0] for words in sorted(ended, key=lambda words: int(words[-1]))]
    assert order == ["web", "worker", "database"]


def test_a_child_that_ignores_the_signal_is_killed_with_its_own_children(
    running: Runner, said: io.StringIO
) -> None:
    stubborn = (
        "import signal, subprocess, sys, time\nsignal.signal(15, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\nprint('child', child.pid)\ntime.sleep(600)"
    )
    running.start(replace(program(stubborn, ready_line="child"), stop_timeout_s=0.5))
    running.wait_ready("child")
    assert eventually(lambda: "child " in said.getvalue().partition("|")[2], 5)
    grandchild = int(said.getvalue().split()[-1])
    assert alive(grandchild)
    running.stop_all()
    assert eventually(lambda: not alive(grandchild), 5)
    assert "did not stop in time and was killed" in said.getvalue()


def test_a_command_that_fails_is_refused(running: Runner) -> None:
    started = time.monotonic()
    with pytest.raises(StackRefused, match="child failed"):
        running.run(program("raise SystemExit(2)"))
    assert time.monotonic() - started < 5
