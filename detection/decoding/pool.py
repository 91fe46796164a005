"""A few decoder processes that live on from picture to picture, and a short queue before them.

A decoder that dies or stands still is replaced. Each is started as a new program, never forked, so threads are safe.
"""

import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from detection.decoding.decoder_process import Decoder, DecoderDied
from detection.decoding.facts import ImageRefused, busy, corrupt, too_costly
from detection.decoding.limits import Limits

PICTURES_MAX = 1000  # of one process, so that a leak in a codec stays small
# Pictures of more work than this never occupy every decoder: ordinary ones go on.
LARGE_WORK = 30_000_000


@dataclass(frozen=True, slots=True)
class Queueing:
    """How long a caller waits for a decoder, and how many may wait already when it comes.

    `before_waiting` is called when it has to wait, so that it can give back what others need.
    """

    wait_s: float
    length: int
    before_waiting: Callable[[], None] = lambda: None


class Pool:
    """At most `limits.processes` decoders, started when they are needed."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._changed = threading.Condition()
        self._idle: list[Decoder] = []
        self._busy = self._busy_large = self._waiting = self._waiting_large = 0

    def ask(
        self, head: dict[str, Any], data: bytes | memoryview, *, work: int, queue: Queueing
    ) -> tuple[dict[str, Any], bytearray]:
        """Raises ImageRefused: 503 where no place becomes free in time or the machine stands still, 422 otherwise."""
        with self._place(is_large=work > LARGE_WORK, queue=queue):
            decoder = self._take()
            try:
                answer = decoder.ask(head, data)
            except DecoderDied as death:
                raise _refusal(death) from None
            except BaseException:
                decoder.close()
                raise
            self._give(decoder)
            return answer

    def has_room(self, *, work: int, length: int) -> bool:
        """Whether a picture would be decoded or at least wait now; the answer may be out of date at once."""
        is_large = work > LARGE_WORK
        return self._is_free(is_large) or not self._is_full(is_large, length)

    @contextmanager
    def _place(self, *, is_large: bool, queue: Queueing) -> Iterator[None]:
        if not self._is_free(is_large):
            queue.before_waiting()
        with self._changed:
            if not self._is_free(is_large):
                self._wait(is_large, queue)
            self._busy += 1
            self._busy_large += is_large
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._busy_large -= is_large
                self._changed.notify_all()

    def _is_free(self, is_large: bool) -> bool:
        large_max = max(1, self.limits.processes - 1)
        return self._busy < self.limits.processes and not (is_large and self._busy_large >= large_max)

    def _is_full(self, is_large: bool, length: int) -> bool:
        """Large pictures take at most a quarter of the queue, so a burst of ordinary ones is never refused for them."""
        return self._waiting >= length or (is_large and self._waiting_large >= max(1, length // 4))

    def _wait(self, is_large: bool, queue: Queueing) -> None:
        if self._is_full(is_large, queue.length):
            raise busy()
        self._waiting += 1
        self._waiting_large += is_large
        try:
            if not self._changed.wait_for(lambda: self._is_free(is_large), queue.wait_s):
                raise busy()
        finally:
            self._waiting -= 1
            self._waiting_large -= is_large

    def _take(self) -> Decoder:
        with self._changed:
            while self._idle:
                decoder = self._idle.pop()
                if decoder.is_alive:
                    return decoder
                decoder.close()
        return Decoder(self.limits)

    def _give(self, decoder: Decoder) -> None:
        if decoder.pictures >= PICTURES_MAX:
            decoder.close()
            return
        with self._changed:
            self._idle.append(decoder)

    def close(self) -> None:
        with self._changed:
            while self._idle:
                self._idle.pop().close()


def _refusal(death: DecoderDied) -> ImageRefused:
    if death.code == -signal.SIGXCPU or (death.timed_out and not death.was_starved):
        return too_costly("time")
    if death.timed_out or death.code == -signal.SIGKILL:
        return busy()  # not its fault: it got no processor time, or the kernel needed memory
    return corrupt("it cannot be decoded")


_pool: Pool | None = None
_lock = threading.Lock()


def pool(limits: Limits) -> Pool:
    """This process' pool, created again when the limits have changed."""
    global _pool
    with _lock:
        if _pool is None or _pool.limits != limits:
            if _pool is not None:
                _pool.close()
            _pool = Pool(limits)
        return _pool


def is_loaded() -> bool:
    """Whether all decoders of this process are at work, or all that large pictures may have."""
    found = _pool
    return found is not None and not found._is_free(is_large=True)


def close() -> None:
    global _pool
    with _lock:
        if _pool is not None:
            _pool.close()
        _pool = None


def _forget() -> None:
    """In a forked process: the decoders belong to its parent."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


atexit.register(close)
os.register_at_fork(after_in_child=_forget)
