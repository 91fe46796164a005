"""One decoder process, as the process that asks it sees it; `child.py` is what runs in it."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from detection.decoding import wire
from detection.decoding.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; sys.path.insert(0, {root!r}); from detection.decoding.child import run; run()"
# A decoder that reaches the wall-clock limit after this share of its processor time was kept busy by the picture, not
# by others: the same picture would take as long again.
COSTLY_SHARE = 1 / 3


class DecoderDied(Exception):
    """The process ended, or was ended, without an answer; `code` is its exit status (negative: a signal).

    `was_starved`: it reached the wall-clock limit although it had got little processor time.
    """

    def __init__(self, code: int, *, timed_out: bool, was_starved: bool = False) -> None:
        super().__init__(code)
        self.code, self.timed_out, self.was_starved = code, timed_out, was_starved


class Decoder:
    """One process. Used by one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        program = PROGRAM.format(root=str(ROOT))
        self._wall_s = limits.wall_s
        self._costly_s = limits.cpu_s * COSTLY_SHARE
        self.pictures = 0
        self._process = subprocess.Popen(  # noqa: S603  (our own program, no shell)
            [sys.executable, "-I", "-c", program, str(limits.memory_bytes), str(limits.cpu_s)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # One arena: threads of a codec would otherwise each take address space from the picture.
            env={"PATH": os.defpath, "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"},
        )

        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            wire.widen(stream)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, head: dict[str, Any], data: bytes | memoryview) -> tuple[dict[str, Any], bytearray]:
        """Raises DecoderDied."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timed_out, was_starved = threading.Event(), threading.Event()
        timer = threading.Timer(
            self._wall_s, self._end_late, [timed_out, was_starved, _cpu_seconds(self._process.pid)]
        )
        timer.daemon = True
        timer.start()
        try:
            wire.send(self._process.stdin, head, data)
            answer = wire.receive(self._process.stdout)
        except (OSError, EOFError, ValueError):
            self.close()
            raise DecoderDied(
                self._process.returncode, timed_out=timed_out.is_set(), was_starved=was_starved.is_set()
            ) from None
        finally:
            timer.cancel()
        self.pictures += 1
        return answer

    def _end_late(
        self, timed_out: threading.Event, was_starved: threading.Event, cpu_s_before: float
    ) -> None:
        if _cpu_seconds(self._process.pid) - cpu_s_before < self._costly_s:
            was_starved.set()
        timed_out.set()
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _cpu_seconds(pid: int) -> float:
    """Processor time that a process has used (proc_pid_stat(5), fields 14 and 15); 0 where it cannot be read."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0
