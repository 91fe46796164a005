"""Waiting for what the page really does, however slow the machine is; never for a time that was long enough once."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from playwright.sync_api import Page, Route

T = TypeVar("T")
PATIENCE_S = 15.0
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def eventually(page: Page, is_so: Callable[[], bool], what: str = "") -> None:
    """Until it is so. Looking at the page in between lets its events arrive."""
    ends = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends, what or "it never came to be so"
        page.evaluate(FRAMES)


def intercept(page: Page, url: str | re.Pattern[str], answer: Callable[[Route], object], **more: Any) -> None:
    """`page.route`, and a round trip: a request that the page makes at the same moment could pass unseen."""
    page.route(url, answer, **more)
    page.evaluate("0")


def steady(page: Page, read: Callable[[], T]) -> T:
    """What is read once it stays the same over several painted frames."""
    seen: list[T] = []

    def is_steady() -> bool:
        seen.append(read())
        return len(seen) >= 4 and all(one == seen[-1] for one in seen[-4:])

    eventually(page, is_steady, "it never kept still")
    return seen[-1]
