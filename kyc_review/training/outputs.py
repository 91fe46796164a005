"""What the process of a job prints and reports, as rows: the worker records it, pages on other machines read it."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet

from kyc_review.training.models import Job, JobOutput

Part = JobOutput.Part
# Of one part, in characters: the end of a log, the beginning of the progress.
KEPT_MAX = 1_000_000
TAIL_ROWS = 100


class OutputRecorder:
    """Follows the files that a process appends to, from where an earlier attempt on this machine was recorded."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._files = {Part.LOG: job.log, Part.PROGRESS: job.progress}
        self._read = {part: self._recorded(part) for part in self._files}

    def record(self) -> None:
        """What was appended since, as far as lines are whole."""
        for part in self._files:
            self._append(part, whole_lines=True)

    def end(self) -> None:
        """The rest, and one row for each part. The process has ended."""
        for part in self._files:
            self._append(part, whole_lines=part == Part.PROGRESS)
            _join(self._job, part)

    def _recorded(self, part: JobOutput.Part) -> int:
        """How many bytes of the file are in rows: what a killed worker left of it is not."""
        before = (output_of(self._job, part) or "").encode()
        try:
            content = self._files[part].read_bytes()
        except FileNotFoundError:
            return 0
        return len(before) if content.startswith(before) else len(content)

    def _append(self, part: JobOutput.Part, *, whole_lines: bool) -> None:
        file = self._files[part]
        if _size(file) < self._read[part]:  # begun again
            self._read[part] = 0
        try:
            with open(file, "rb") as opened:
                opened.seek(self._read[part])
                new = opened.read(KEPT_MAX)
        except FileNotFoundError:
            return
        if whole_lines and len(new) < KEPT_MAX:
            new = new[: new.rfind(b"\n") + 1]
        if new:
            self._read[part] += len(new)
            text = new.decode(errors="replace").replace("\0", "")
            JobOutput.objects.create(noun=self._job.NOUN, job=self._job.pk, part=part, text=text)


def output_of(job: Job, part: JobOutput.Part) -> str | None:
    """All of it; None when nothing was recorded."""
    pieces = list(_rows(job, part).values_list("text", flat=True))
    return "".join(pieces) if pieces else None


def output_end(job: Job, part: JobOutput.Part, *, size: int) -> str | None:
    """The last `size` characters or more; None when nothing was recorded."""
    pieces: list[str] = []
    for text in _rows(job, part).order_by("-pk").values_list("text", flat=True)[:TAIL_ROWS]:
        pieces.insert(0, text)
        if sum(map(len, pieces)) >= size:
            break
    return "".join(pieces) if pieces else None


@transaction.atomic
def _join(job: Job, part: JobOutput.Part) -> None:
    rows = list(_rows(job, part).select_for_update())
    if not rows:
        return
    text = "".join(row.text for row in rows)
    text = text[-KEPT_MAX:] if part == Part.LOG else text[:KEPT_MAX]
    JobOutput.objects.filter(pk=rows[0].pk).update(text=text)
    JobOutput.objects.filter(pk__in=[row.pk for row in rows[1:]]).delete()


def _rows(job: Job, part: JobOutput.Part) -> QuerySet[JobOutput]:
    return JobOutput.objects.filter(noun=job.NOUN, job=job.pk, part=part).order_by("pk")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
