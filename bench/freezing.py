"""`python -m bench snapshot`: time and memory of `manage.py snapshot create` for many decisions."""

import os
import subprocess
import sys
import time

from bench.background import Load
from bench.compare import BenchError
from bench.load import Answer, concurrent
from bench.product import Product
from bench.report import line
from devstack.paths import REPOSITORY
from devstack.progress import Say

TEMPLATES = 24
READY_TIMEOUT_S = 300
TIME_S, MEMORY_MB = 60, 1000
WHOLE = 100_000


def run(running: Product, images: list[bytes], *, decisions: int, say: Say) -> bool:
    """Whether a snapshot of this many decisions, each with a file of its own, meets its targets for time and
    memory."""
    say(f"making {decisions} decided submissions")
    _fill(running, images, decisions)
    (size_bytes,) = running.rows(
        "SELECT sum(size_bytes) FROM submissions_submission WHERE state = 'completed'"
    )[0]
    seconds, peak_mb, cpu_s = _measured(running, ["snapshot", "create", "--name", "bench"])
    (frozen,) = running.rows("SELECT count_real + count_fake FROM datasets_snapshot WHERE state = 'ready'")[0]
    print(f"A snapshot of {frozen} decisions, {size_bytes / 1e9:.1f} GB of originals:")
    timely = seconds < TIME_S if frozen >= WHOLE else None  # the target is for all of them
    fine = [
        line("from the command to its end", f"{seconds:.1f} s", reached=timely, target=f"< {TIME_S} s"),
        line(
            "  highest memory of its process",
            f"{peak_mb:.0f} MB",
            reached=peak_mb < MEMORY_MB,
            target=f"< {MEMORY_MB} MB",
        ),
    ]
    line("  processor time of its process", f"{cpu_s:.1f} s")
    seconds, _, _ = _measured(running, ["snapshot", "verify", "bench"])
    line("hashing all of it again", f"{seconds:.1f} s")
    return all(fine)


def _fill(running: Product, images: list[bytes], decisions: int) -> None:
    load: Load[Answer] = Load(
        lambda heard: concurrent(
            running.target, images[:TEMPLATES], posts=TEMPLATES, at_once=4, name="template", heard=heard
        )
    )
    running.wait(lambda: load.is_done, timeout_s=READY_TIMEOUT_S, what="posting")
    running.wait(lambda: running.scored() >= TEMPLATES, timeout_s=READY_TIMEOUT_S, what="verdicts")
    done = subprocess.run(  # our own command
        [sys.executable, "-m", "bench.decided", str(decisions)],
        env=running.owner_environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"making the decisions failed: {done.stderr.strip().splitlines()[-1]}")


def _measured(running: Product, command: list[str]) -> tuple[float, float, float]:
    """Seconds, highest resident memory in MB and processor seconds of one command, the interpreter's start included."""
    began = time.perf_counter()
    process = subprocess.Popen(  # our own command
        [sys.executable, str(REPOSITORY / "manage.py"), *command],
        env=running.environment,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise BenchError(
            f"manage.py {' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}"
        )
    return seconds, used.ru_maxrss / 1000, used.ru_utime + used.ru_stime
