"""The whole product on one machine: services, schema, workers, web; until somebody stops it."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from devstack import credentials, environment, processes, services
from devstack.errors import StackRefused
from devstack.paths import REPOSITORY, StackPaths
from devstack.progress import Console
from devstack.runner import Runner

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCH_EVERY_S = 0.2


class Stopped(BaseException):
    """Somebody asked us to stop; no Exception, so that no library swallows it."""


@dataclass(frozen=True)
class UpOptions:
    """What `stack up` was asked for."""

    state_dir: Path
    port: int
    # A management command to run once when everything is ready, with the stack's environment.
    then: tuple[str, ...] = ()
    # False: stop everything when that command has succeeded.
    stay: bool = True
    # Output of the processes to their log files only.
    quiet: bool = False


def up(options: UpOptions, console: Console) -> int:
    """Run until stopped; returns the exit code. Raises StackRefused when it cannot start."""
    say = console.speaker("stack")
    if not credentials.is_free(options.port):
        raise StackRefused(
            f"port {options.port} is in use by another program: stop that program, or choose another port "
            f"(PORT={options.port + 1} make demo, or stack up --port {options.port + 1})"
        )
    code = 0
    with _stopping_by_signal():
        try:
            with services.lock_state_dir(options.state_dir, console, say, quiet=options.quiet) as (
                paths,
                runner,
            ):
                try:
                    code = _serve(options, paths, runner, console)
                finally:
                    _ignore_signals()  # impatience must not turn an ordered end into a torn one
                    say("stopping everything in order")
                    environment.remove(paths)
        except Stopped:
            pass
    say("stopped; the data stays" if not code else "stopped")
    return code


def _serve(options: UpOptions, paths: StackPaths, runner: Runner, console: Console) -> int:
    say = console.speaker("stack")
    began = time.monotonic()
    if unread := environment.unread_settings(REPOSITORY):
        say(unread)
    urls = services.start(paths, runner, durable=True, say=say)
    variables = environment.variables(paths, urls, options.port)
    say("bringing the database up to date")
    runner.run(processes.management_command(paths, variables | urls.owner_environment, "prepare"))
    say("starting web server, workers and clock")
    shutil.rmtree(paths.metrics, ignore_errors=True)  # counts of processes that have ended
    started = processes.product_processes(paths, variables, options.port)
    for program in started:
        runner.start(program)
    for program in started:
        runner.wait_ready(program.name)
    environment.write(paths, variables)
    say(
        f"ready after {time.monotonic() - began:.1f} s at {variables['PUBLIC_URL']} (Ctrl-C stops everything)"
    )
    if options.quiet:
        say(f"what the processes write is in {paths.logs}")
    return _watch(options, paths, runner, variables, console)


def _watch(
    options: UpOptions, paths: StackPaths, runner: Runner, variables: dict[str, str], console: Console
) -> int:
    """Returns when the wished command fails, or has succeeded and we need not stay; Stopped ends it otherwise."""
    asked = options.then[0] if options.then else None
    if asked:
        runner.start(processes.management_command(paths, variables, *options.then, relayed=False))
    while True:
        if asked:
            code = runner.ended(asked)
            if code:
                console.line("stack", f"{asked} failed with exit code {code}")
                return 1
            if code == 0:
                if not options.stay:
                    return 0
                asked = None
        runner.watch(but=asked)
        time.sleep(WATCH_EVERY_S)


@contextmanager
def _stopping_by_signal() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        _ignore_signals()
        raise Stopped

    before = {number: signal.signal(number, interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def requested_port() -> int:
    """$PORT, else 8000."""
    text = os.environ.get("PORT", "8000")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise StackRefused(f"PORT={text} is no port: give a number from 1024 to 65535")
    return int(text)
