"""What a training run tells whoever watches it: one JSON object per line, appended."""

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any


class Progress:
    """Appends to `path`, or tells nobody when there is none.

    A line: {"at": ISO time, "phase": "train|finish", "member": name, "done": steps, "of": steps, "loss": mean since the
    last line, "auc": on validation, "eta_s": seconds}; `done` and `of` count over all members. Readers skip half lines.
    """

    def __init__(self, path: Path | None, *, of: int = 0, done: int = 0) -> None:
        self._path, self._of, self._done = path, of, done
        self._began, self._began_with = time.monotonic(), done

    def step(self, steps: int, **facts: Any) -> None:
        """`steps` more are done."""
        self._done += steps
        elapsed_s = time.monotonic() - self._began
        pace = (self._done - self._began_with) / elapsed_s if elapsed_s else 0.0
        eta_s = round((self._of - self._done) / pace) if pace else None
        self.tell(phase="train", done=self._done, of=self._of, eta_s=eta_s, **facts)

    def tell(self, **facts: Any) -> None:
        if self._path is None:
            return
        line = json.dumps({"at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), **facts})
        with open(self._path, "a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
