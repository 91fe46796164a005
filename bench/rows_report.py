"""`python -m bench rows`: the times of bench/rows.py at a tenth of the submissions and at all, and bytes by table.

It needs about 7 kB of disk for each submission.
"""

import json
import os
import subprocess
import sys
from typing import Any

from bench.folders import bench_folder
from bench.report import line
from devstack import environment, services
from devstack.paths import REPOSITORY, prepare_state_dir
from devstack.progress import Say

MOST_MS = 300
WAITING = 5000  # items in the queue, at both sizes: the queue does not grow with the history


def run(submissions: int, say: Say) -> bool:
    """Whether everything takes at most MOST_MS with all the submissions."""
    first = submissions // 10
    small, large = _measured(((first, WAITING // 2), (submissions - first, WAITING // 2)), say)
    is_fast = _times(small, large, first, submissions)
    _growth(large["sizes"], submissions)
    return is_fast


def _measured(steps: tuple[tuple[int, int], ...], say: Say) -> list[Any]:
    with bench_folder() as folder:
        state_dir = folder / "stack"
        with services.ensure(state_dir=state_dir, say=say, durable=False) as urls:
            variables = os.environ | environment.variables(prepare_state_dir(state_dir), urls, 0)
            owner = variables | {"DATABASE_URL": urls.owner_url}
            _run(["manage.py", "prepare", "-v0"], variables | urls.owner_environment, say)
            found = []
            for count, waiting in steps:
                _run(["-m", "bench.rows_filling", str(count), "--waiting", str(waiting)], owner, say)
                found.append(json.loads(_run(["-m", "bench.rows"], variables, say).splitlines()[-1]))
            return found


def _run(command: list[str], variables: dict[str, str], say: Say) -> str:
    say(" ".join(command))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env=variables,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout.decode()


def _times(small: Any, large: Any, first: int, submissions: int) -> bool:
    """Prints the slow ones, slowest first, with their time at the smaller size."""
    before = {row["name"]: row["ms"] for row in small["measured"]}
    print(f"Pages, lists, claims, leases and sweeps with {submissions:,} submissions (with {first:,}):")
    slow = [row for row in large["measured"] if row["ms"] > MOST_MS / 3]
    for row in slow:
        name, was = row["name"], before.get(row["name"])
        times = f"{row['ms']:.0f} ms" + (f" ({was:.0f})" if was else "")
        line(name[:52], times, reached=row["ms"] <= MOST_MS, target=f"<= {MOST_MS} ms")
    failed = [row for row in large["measured"] if row["status"][:1] not in ("", "2", "3", "4")]
    for row in failed:
        line(row["name"][:52], row["status"], reached=False, target="an answer")
    line("others, each faster", str(len(large["measured"]) - len(slow)))
    return all(row["ms"] <= MOST_MS for row in slow)


def _growth(sizes: dict[str, list[int]], submissions: int) -> None:
    """Prints the bytes per submission of each table that grows with them."""
    total = sum(numbers[0] for numbers in sizes.values())
    print(f"Database: {total / submissions:.0f} bytes per submission, without pictures:")
    for name, (bytes_, of_indexes, rows) in sizes.items():
        if bytes_ / submissions >= 1:
            each = f"{bytes_ / submissions:.0f}"
            line(
                f"{name}: bytes (indexes; rows)",
                f"{each} ({of_indexes / submissions:.0f}; {rows / submissions:.2f})",
            )
