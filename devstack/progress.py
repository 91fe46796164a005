"""Lines on the console, each with the name of the part that speaks."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

Say = Callable[[str], None]
COLOURS = ("36", "33", "35", "32", "34", "31", "96", "93")
NAME_WIDTH = 9


class Console:
    """Whole lines from many threads, never mixed; a closed terminal silences it and nothing else."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._colour_of: dict[str, str] = {}
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        with self._lock:
            prefix = f"{name:<{NAME_WIDTH}} |"
            if self._coloured:
                colour = self._colour_of.setdefault(name, COLOURS[len(self._colour_of) % len(COLOURS)])
                prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
            try:
                self._stream.write(f"{prefix} {text}\n")
                self._stream.flush()
            except (OSError, ValueError):  # the terminal is gone; an orderly stop still matters
                pass

    def speaker(self, name: str) -> Say:
        return lambda text: self.line(name, text)


def silent(_: str) -> None:
    """A Say for callers that show nothing."""
