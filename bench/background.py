"""Load in a thread, because only the main thread may supervise the stack."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Heard = TypeVar("Heard")


class Load(Generic[Heard]):
    """Runs `posting` and collects its answers. `error` is the exception that ended it early."""

    def __init__(self, posting: Callable[[Callable[[Heard], None]], Coroutine[Any, Any, None]]) -> None:
        self.answers: list[Heard] = []
        self.error: BaseException | None = None
        self._posting = posting
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._posting(self.answers.append))
        except BaseException as error:  # for the main thread to raise
            self.error = error

    @property
    def is_done(self) -> bool:
        """Raises the exception that ended it early."""
        if self._thread.is_alive():
            return False
        if self.error:
            raise self.error
        return True
