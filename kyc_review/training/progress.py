"""How a training run goes, read from the lines that `ml` writes while it trains."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kyc_review.training.models import Job, JobOutput
from kyc_review.training.outputs import output_end, output_of

READ_BYTES_MAX = 1_000_000
TAIL_BYTES, TAIL_LINES = 8192, 14


@dataclass(frozen=True, slots=True)
class Curve:
    """One member's values, the newest last."""

    member: str
    values: list[float]

    @property
    def last(self) -> float:
        return self.values[-1]


@dataclass(frozen=True, slots=True)
class Progress:
    """done of `of` steps over all members."""

    done: int = 0
    of: int = 0
    eta_s: int | None = None
    phase: str = ""
    member: str = ""
    losses: list[Curve] = field(default_factory=list)
    aucs: list[Curve] = field(default_factory=list)

    @property
    def percent(self) -> int:
        return round(100 * self.done / self.of) if self.of else 0


def progress_of(job: Job) -> Progress:
    """Empty before the first report; a line that is being written, or is not ours, is passed over."""
    lines = progress_lines(job)
    steps = [line for line in lines if isinstance(line.get("done"), int) and isinstance(line.get("of"), int)]
    if not steps:
        return Progress(phase=str(lines[-1].get("phase", "")) if lines else "")
    last, newest = steps[-1], _newest_by_process(steps)
    return Progress(
        done=sum(line["done"] for line in newest),
        of=last["of"],
        eta_s=max((line["eta_s"] for line in newest if isinstance(line.get("eta_s"), int)), default=None),
        phase=str(lines[-1].get("phase", "")),
        member=str(last.get("member", "")),
        losses=_series(steps, "loss"),
        aucs=_series(steps, "auc"),
    )


def log_tail(job: Job) -> str:
    """The last lines of what the training printed."""
    text = output_end(job, JobOutput.Part.LOG, size=TAIL_BYTES)
    if text is None:
        text = _file_text(job.log, begin=-TAIL_BYTES)
    return "\n".join(text.splitlines()[-TAIL_LINES:])


def progress_lines(job: Job) -> list[dict[str, Any]]:
    """What `ml` wrote; a line that is being written, or is not ours, is left out."""
    text = output_of(job, JobOutput.Part.PROGRESS)
    if text is None:
        text = _file_text(job.progress)
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def _file_text(file: Path, *, begin: int = 0) -> str:
    """Of a job of an earlier release, which has no rows. begin: negative, counts from the end, in bytes."""
    try:
        with open(file, "rb") as opened:
            if begin:
                opened.seek(max(0, opened.seek(0, os.SEEK_END) + begin))
            return opened.read(READ_BYTES_MAX).decode(errors="replace")
    except OSError:
        return ""


def _newest_by_process(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last line of each process of the latest attempt; an earlier one may have had more of them."""
    by_rank = {line.get("rank", 0): line for line in steps}
    return [line for rank, line in by_rank.items() if rank < steps[-1].get("ranks", 1)]


def _series(steps: list[dict[str, Any]], name: str) -> list[Curve]:
    """By member, in the order of their training."""
    found: dict[str, list[float]] = {}
    for step in steps:
        value = step.get(name)
        if isinstance(value, int | float):
            found.setdefault(str(step.get("member", "")), []).append(float(value))
    return [Curve(member, values) for member, values in found.items()]
