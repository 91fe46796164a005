"""Load in a thread, so that the main thread can watch over the stack (which it alone may)."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from bench.load import Answer

Posting = Callable[[Callable[[Answer], None]], Coroutine[Any, Any, None]]


class Load:
    """Runs `posting` and gathers its answers."""

    def __init__(self, posting: Posting) -> None:
        self.answers: list[Answer] = []
        self._thread = threading.Thread(
            target=lambda: asyncio.run(posting(self.answers.append)), name="load", daemon=True
        )
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()
