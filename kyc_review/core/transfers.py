"""What a process does while it waits for a storage: it keeps its leases, and hears that it must stop.

An object storage says between the pieces of each object that they arrived or left (`piece_moved`); `kept_alive` says
what is called then. So a lease outlasts an object of any size, and none is kept by a store that sends nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # storages are made while settings are read, and leases are rows
    from kyc_review.core.leases import Alive

T = TypeVar("T")
LOOK_EVERY_S = 5.0


def _nothing() -> None:
    """What is called between pieces of a transfer for which nothing was asked."""


_between: ContextVar[Alive] = ContextVar("between", default=_nothing)


class TransferEnded(Exception):
    """Another transfer of the same work failed."""


@contextmanager
def kept_alive(alive: Alive) -> Iterator[None]:
    """Call `alive` between the pieces of what this thread transfers in the block; what it raises ends the transfer."""
    token = _between.set(alive)
    try:
        yield
    finally:
        _between.reset(token)


def piece_moved() -> None:
    """For storages: a piece of an object arrived or left. Raises what ends the transfer."""
    _between.get()()


def every(seconds: float, renew: Alive) -> Alive:
    """`renew`, when this time has passed since the last one; at first since now."""
    renewed = time.monotonic()

    def alive() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > seconds:
            renew()
            renewed = time.monotonic()

    return alive


def all_at_once(
    work: Callable[[T], None], items: Iterable[T], *, threads: int, name: str, alive: Alive
) -> None:
    """Call work(item) for each, in threads of this name, and `alive` every few seconds meanwhile.

    The first error ends it, also the transfers that are in progress, and is raised.
    """
    ended = threading.Event()

    def stop_if_ended() -> None:
        if ended.is_set():
            raise TransferEnded

    def one(item: T) -> None:
        with kept_alive(stop_if_ended):
            work(item)

    with ThreadPoolExecutor(threads, name) as pool:
        waiting = {pool.submit(one, item) for item in items}
        try:
            while waiting:
                done, waiting = wait(waiting, LOOK_EVERY_S, FIRST_EXCEPTION)
                for each in done:
                    each.result()
                alive()
        finally:
            ended.set()
            for each in waiting:
                each.cancel()
