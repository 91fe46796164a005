"""`python manage.py stack up | down | status | reset`: runs before Django reads its settings, which it provides."""

import argparse
import shutil
import signal
import time
from collections.abc import Sequence

import psutil

from devstack import pidfile, services, supervisor
from devstack.errors import AlreadyRunning, StackRefused, reported
from devstack.os_user import postgres_elsewhere
from devstack.paths import StackPaths, default_state_dir
from devstack.progress import Console

DOWN_TIMEOUT_S = 60


def main(command_line: Sequence[str]) -> int:
    arguments = _parser().parse_args(command_line)
    return reported(lambda: int(arguments.run(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manage.py stack", description="Run the product on this machine.")
    commands = parser.add_subparsers(title="commands", metavar="", required=True)
    up = commands.add_parser("up", help="start everything and stay; Ctrl-C stops it, the data stays")
    up.add_argument("--port", type=int, default=None, help="of the web server (default: $PORT or 8000)")
    up.add_argument("--quiet", action="store_true", help="the processes write to .local/logs only")
    up.add_argument(
        "--then", nargs=argparse.REMAINDER, default=[], help="management command to run when ready"
    )
    up.set_defaults(run=_up)
    for name, run, says in (
        ("down", _down, "stop a stack that runs in another terminal"),
        ("status", _status, "what runs, its memory and its log"),
        ("reset", _reset, "stop it and delete all its data"),
    ):
        commands.add_parser(name, help=says).set_defaults(run=run)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    port = arguments.port or supervisor.requested_port()
    options = supervisor.UpOptions(default_state_dir(), port, tuple(arguments.then), arguments.quiet)
    return supervisor.up(options, Console())


def _down(_: argparse.Namespace) -> int:
    paths = StackPaths(default_state_dir())
    running = pidfile.supervisor(paths)
    if running:
        print(f"stopping the stack (process {running.pid})")
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(timeout=DOWN_TIMEOUT_S)
        except psutil.TimeoutExpired:
            raise StackRefused(f"process {running.pid} did not stop in {DOWN_TIMEOUT_S} s") from None
        print("stopped; the data stays")
        return 0
    if not paths.run_file.exists():
        print("no stack runs here")
        return 0
    with services.lock_state_dir(
        paths.root, Console(), print
    ):  # taking hold ends what a killed supervisor left
        print("cleared up after a stack that was killed")
    return 0


def _status(_: argparse.Namespace) -> int:
    paths = StackPaths(default_state_dir())
    if pidfile.supervisor(paths) is None:
        print("no stack runs here")
        return 1
    for entry in pidfile.read(paths):
        process = entry.living()
        if process is None:
            print(f"{entry.name:<11} down")
            continue
        children = process.children(recursive=True) if entry.name != "supervisor" else []
        memory = memory_mb(process, children=children)
        minutes = (time.time() - entry.started_s) / 60
        print(f"{entry.name:<11} process {entry.pid:<8} {memory:6.0f} MB   up {minutes:.0f} min")
    return 0


def memory_mb(process: psutil.Process, *, children: Sequence[psutil.Process] = ()) -> float:
    """Of a process and these children, where shared pages count once (PSS, in 10^6 bytes); resident size elsewhere."""
    total = 0
    for one in (process, *children):
        try:
            facts = one.memory_full_info()
            total += getattr(facts, "pss", facts.rss)
        except psutil.Error:
            continue
    return total / 1e6


def _reset(arguments: argparse.Namespace) -> int:
    root = default_state_dir()
    paths = StackPaths(root)
    if not paths.secrets.exists():
        print(f"nothing to delete in {root}")
        return 0
    _down(arguments)
    try:
        lock = pidfile.acquire_lock(paths)
    except AlreadyRunning as busy:
        raise StackRefused(f"{busy}; nothing was deleted") from busy
    with lock:
        if (elsewhere := postgres_elsewhere(paths)) is not None:
            shutil.rmtree(elsewhere.parent, ignore_errors=True)
        for inside in root.iterdir():
            if inside.name == "test":  # another stack's: the tests of this checkout
                continue
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            else:
                inside.unlink()
    shutil.rmtree(paths.key_file.parent, ignore_errors=True)
    print(f"deleted the data in {root}")
    return 0
