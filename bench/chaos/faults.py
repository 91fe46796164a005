"""Makes faults, and ends them."""

import glob
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from bench.chaos.disk import SmallDisk
from bench.chaos.plan import Fault, Kind
from bench.chaos.relay import Line, Relay
from bench.product import Product
from devstack.process import ProcessSpec

LIBFAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
CLOCK_OFF_S = 90
SLOW_S = 0.05


@dataclass
class Faults:
    """What can be broken: processes by name, relays by name, and the small disk (None where none may be mounted);
    `originals` are where the checker finds them."""

    running: Product
    programs: Mapping[str, ProcessSpec]
    relays: Mapping[str, Relay]
    disk: SmallDisk | None
    originals: Path

    def begin(self, fault: Fault) -> Callable[[], None]:
        """Returns what ends it."""
        match fault.kind:
            case Kind.KILL:
                self.kill(fault.target)
                return _nothing
            case Kind.PAUSE:
                return self._pause(fault.target)
            case Kind.CLOCK:
                return self._clock(fault.target, ahead=fault.at_s * 1000 % 2 < 1)
            case Kind.FILL:
                assert self.disk is not None
                self.disk.fill()
                return self.disk.enlarge
        relay = self.relays[fault.target]
        if fault.kind is Kind.SLOW:
            relay.delay_s = SLOW_S
        else:
            relay.line = Line.SILENT if fault.kind is Kind.SILENT else Line.CUT
        return lambda: _heal(relay)

    def targets(self) -> dict[Kind, list[str]]:
        """What each kind of fault can hit here, in a fixed order."""
        processes = [*sorted(self.programs), "postgres", "valkey"]
        networks = sorted(self.relays)
        return {
            Kind.KILL: processes,
            Kind.PAUSE: processes,
            Kind.CLOCK: sorted(self.programs) if libfaketime() else [],
            Kind.SLOW: networks,
            Kind.SILENT: networks,
            Kind.CUT: networks,
            Kind.FILL: ["disk"] if self.disk else [],
        }

    def missing(self) -> list[str]:
        """Faults that cannot be made on this machine, with the reason."""
        said = []
        if not libfaketime():
            said.append("no clock is set wrong: libfaketime is not installed (Debian's `faketime`)")
        if not self.disk:
            said.append("no disk is filled: a small file system may not be mounted here (root can)")
        return said

    def _family(self, name: str) -> list[psutil.Process]:
        process = self.running.process(name)
        with suppress(psutil.Error):
            return [process, *process.children(recursive=True)] if process else []
        return []

    def kill(self, name: str) -> None:
        """A process and its children, at once."""
        family = self._family(name)
        # Postgres' own children end when they find that it is gone, and clean up as after a crash.
        for one in family[:1] if name == "postgres" else family:
            with suppress(psutil.Error):
                one.kill()
        if name == "valkey":
            for entry in self.running.paths.valkey.iterdir():
                if entry.is_dir():  # its append-only files; the configuration stays
                    shutil.rmtree(entry, ignore_errors=True)

    def _pause(self, name: str) -> Callable[[], None]:
        family = self._family(name)
        for one in family:
            with suppress(psutil.Error):
                one.suspend()

        def resume() -> None:
            for one in family:
                with suppress(psutil.Error):
                    one.resume()

        return resume

    def _clock(self, name: str, *, ahead: bool) -> Callable[[], None]:
        program = self.programs[name]
        wrong = {
            "LD_PRELOAD": libfaketime(),
            "FAKETIME": f"{'+' if ahead else '-'}{CLOCK_OFF_S}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self._restart(replace(program, environment={**program.environment, **wrong}))
        return lambda: self._restart(program)

    def _restart(self, program: ProcessSpec) -> None:
        family = self._family(program.name)
        for one in family:
            with suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(family, timeout=10)
        self.running.runner.start(program)


def libfaketime() -> str:
    """Its path; empty where it is not installed."""
    return next(iter(glob.glob(LIBFAKETIME)), "")


def _heal(relay: Relay) -> None:
    relay.line, relay.delay_s = Line.OPEN, 0.0


def _nothing() -> None:
    pass
