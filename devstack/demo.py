"""`manage.py demo`: runs before Django reads its settings, which the stack provides."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from devstack import supervisor
from devstack.errors import StackRefused, reported
from devstack.paths import REPOSITORY, default_state_dir
from devstack.progress import Console

SAMPLES = REPOSITORY / "samples"
BASELINE = REPOSITORY / "detection" / "baseline"
FILL = "demo_fill"  # the management command that runs when the stack is ready


def main(arguments: Sequence[str]) -> int:
    wished = _parser().parse_args(arguments)
    return reported(lambda: run(wished.port, stay=not wished.exit, quiet=not wished.logs))


def run(port: int | None, *, stay: bool, quiet: bool) -> int:
    """Run until stopped, or until the table is printed; returns the exit code. Raises StackRefused."""
    port = port or supervisor.requested_port()
    require_files()
    fill = (FILL, "--api", f"http://127.0.0.1:{port}")
    return supervisor.up(
        supervisor.UpOptions(default_state_dir(), port, then=fill, stay=stay, quiet=quiet), Console()
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py demo",
        description="Start everything, post the sample selfies, print verdicts, URL and logins; Ctrl-C stops it.",
    )
    parser.add_argument("--port", type=int, default=None, help="of the web server (default: $PORT or 8000)")
    parser.add_argument("--exit", action="store_true", help="stop after the table instead of staying")
    parser.add_argument("--logs", action="store_true", help="show here, too, what the processes write")
    return parser


def require_files(baseline: Path = BASELINE, samples: Path = SAMPLES) -> None:
    """Raises StackRefused when the checkout lacks what the demo shows; asked before anything is started."""
    if not (baseline / "manifest.json").is_file():
        raise StackRefused(
            f"there is no baseline bundle in {baseline}: bring it back with `git checkout -- detection/baseline`"
        )
    if not any(samples.glob("*.jpg")):
        raise StackRefused(
            f"there are no sample selfies in {samples}: bring them back with `git checkout -- samples`"
        )
