"""Starts programs, watches over them, restarts what dies, stops all in order."""

import itertools
import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from devstack import pidfile
from devstack.errors import StackRefused
from devstack.paths import StackPaths
from devstack.process import ProcessSpec, kill_group, open_private, spawn, stop
from devstack.progress import Console

POLL_S = 0.05
RESTART_FIRST_S = 0.5
RESTART_LONGEST_S = 30.0
# Seconds. A program that ran longer starts over with the shortest wait.
HEALTHY_AFTER_S = 30.0
LOG_KEPT_BYTES = 10_000_000


@dataclass
class Running:
    program: ProcessSpec
    process: "subprocess.Popen[str]"
    started_s: float
    ready: threading.Event
    restart_wait_s: float = RESTART_FIRST_S
    restart_at_s: float | None = None


class Runner:
    """All methods belong to the main thread (see program.spawn)."""

    def __init__(self, paths: StackPaths, token: str, console: Console, *, quiet: bool = False) -> None:
        """quiet: relayed output goes to the log files only."""
        self._quiet = quiet
        self._places = paths
        self._token = token
        self._console = console
        self._running: dict[str, Running] = {}

    def start(self, program: ProcessSpec) -> None:
        """Spawn it, without waiting until it is ready."""
        self._running[program.name] = self._spawned(program)
        self._record()

    def wait_ready(self, name: str) -> None:
        """Raises StackRefused with the last words of a program that ended or stays silent."""
        running = self._running[name]
        program = running.program
        deadline = running.started_s + program.ready_timeout_s
        while not self._is_ready(running):
            if running.process.poll() is not None:
                raise StackRefused(f"{name} stopped at its start: {self._last_words(running)}")
            if time.monotonic() > deadline:
                raise StackRefused(
                    f"{name} was not ready after {program.ready_timeout_s:.0f} s: {self._last_words(running)}"
                )
            time.sleep(POLL_S)

    def run(self, program: ProcessSpec) -> None:
        """Run it to its end, which has to be a success."""
        self.start(program)
        running = self._running[program.name]
        while running.process.poll() is None:
            time.sleep(POLL_S)
        if running.process.returncode:
            raise StackRefused(
                f"{program.name} failed ({_how(running.process.returncode)}): {self._last_words(running)}"
            )
        del self._running[program.name]

    def ended(self, name: str) -> int | None:
        """The exit code of a program that is not to be started again; None while it runs."""
        code = self._running[name].process.poll()
        if code is not None:
            del self._running[name]
            self._record()
        return code

    def watch(self, *, but: str | None = None) -> None:
        """Look once: note what died, start again what has waited long enough. `but` is not to be started again."""
        now = time.monotonic()
        for name, running in list(self._running.items()):
            if name == but:
                continue
            if running.restart_at_s is not None:
                if now >= running.restart_at_s:
                    self._console.line(name, "starting again")
                    again = self._spawned(running.program)
                    again.restart_wait_s = running.restart_wait_s
                    self._running[name] = again
                    self._record()
            elif running.process.poll() is not None:
                kill_group(running.process)
                healthy = now - running.started_s > HEALTHY_AFTER_S
                wait_s = RESTART_FIRST_S if healthy else running.restart_wait_s
                running.restart_at_s = now + wait_s
                running.restart_wait_s = min(2 * wait_s, RESTART_LONGEST_S)
                self._console.line(
                    name, f"died ({_how(running.process.returncode)}); starts again in {wait_s:g} s"
                )

    def stop_all(self) -> None:
        """Highest rank first. Ends every process, by force when one does not obey in its time."""
        by_rank = sorted(self._running.values(), key=lambda running: -running.program.rank)
        for _, group in itertools.groupby(by_rank, key=lambda running: running.program.rank):
            together = [(running.program, running.process) for running in group]
            for name in stop(together):
                self._console.line(name, "did not stop in time and was killed")
        self._running.clear()
        self._places.run_file.unlink(missing_ok=True)

    def _spawned(self, program: ProcessSpec) -> Running:
        if program.log and program.log.exists() and program.log.stat().st_size > LOG_KEPT_BYTES:
            program.log.replace(program.log.with_suffix(".old.log"))
        with_token = {**program.environment, pidfile.TOKEN_VARIABLE: self._token}
        process = spawn(replace(program, environment=with_token))
        running = Running(program, process, time.monotonic(), threading.Event())
        if process.stdout:
            threading.Thread(target=self._relay, args=(running,), daemon=True).start()
        return running

    def _relay(self, running: Running) -> None:
        """Every line of the program to its log and the console; notes the one that says that it is ready."""
        program, output = running.program, running.process.stdout
        assert output is not None
        # A full disk costs lines of the log: a relay that ended would stop the program at its next line.
        with suppress(OSError), output, open_private(program.log or os.devnull) as log:
            for line in output:
                with suppress(OSError):
                    log.write(line)
                if program.ready_line and program.ready_line in line:
                    running.ready.set()
                if not self._quiet:
                    self._console.line(program.name, line.rstrip("\n"))

    def _is_ready(self, running: Running) -> bool:
        if running.program.is_ready:
            return running.process.poll() is None and running.program.is_ready()
        return running.ready.is_set() if running.program.ready_line else True

    def _last_words(self, running: Running) -> str:
        log = running.program.log
        if log is None or not log.exists():
            return "its lines above say why"
        words = _tail(log)
        if "No space left on device" in words:
            return "the disk is full: free some space and run again"
        return f"{words.splitlines()[-1] if words else 'no output'} (all of it: {log})"

    def _record(self) -> None:
        entries = [pidfile.Entry.of("supervisor", os.getpid())]
        entries += [
            pidfile.Entry.of(name, running.process.pid, running.program.stop_signal)
            for name, running in self._running.items()
        ]
        pidfile.write(self._places, [entry for entry in entries if entry])


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _tail(log: Path, size_bytes: int = 4000) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size_bytes))
        return file.read().decode(errors="replace").strip()
