"""The progress of a training run: one JSON object per line, appended."""

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any


class Progress:
    """Appends to `path`, or does nothing when there is none.

    A line: {"at": ISO time, "phase": "train|finish", "member": name, "done": steps, "of": steps, "loss": mean since the
    last line, "auc": on validation, "eta_s": seconds}. `of` counts over all members, `done` and `eta_s` over those of
    one process; of several, each writes lines with its number, "rank", and theirs, "ranks". Readers skip half lines.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        of: int = 0,
        done: int = 0,
        mine: int | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """mine: steps of this process, all of them by default; done: of those, how many an earlier process did."""
        self._path, self._of, self._done = path, of, done
        self._mine = of if mine is None else mine
        self._who = {"rank": rank, "ranks": ranks} if ranks > 1 else {}
        self._began, self._began_with = time.monotonic(), done
        if ranks > 1:  # the others are watched from the start
            self.tell(phase="train", done=done, of=of)

    def step(self, steps: int, **facts: Any) -> None:
        """`steps` more are done."""
        self._done += steps
        elapsed_s = time.monotonic() - self._began
        pace = (self._done - self._began_with) / elapsed_s if elapsed_s else 0.0
        eta_s = round((self._mine - self._done) / pace) if pace else None
        self.tell(phase="train", done=self._done, of=self._of, eta_s=eta_s, **facts)

    def tell(self, **facts: Any) -> None:
        """Append one JSON line with the time and these facts, durably; nothing without a file."""
        if self._path is None:
            return
        line = json.dumps({"at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), **self._who, **facts})
        with open(self._path, "a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
