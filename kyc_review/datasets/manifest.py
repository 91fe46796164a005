"""The snapshot's manifest: what a training run reads. Pure; one item per line, so that it is written in a stream.

{"format": "kyc-review/snapshot/1", "name": ..., "created_at": ..., "source_bundle": <version or null>,
 "choices": {"consensus": true, "sources": [...], "reasons": [...], "since": day, "until": day}, "items": [
 {"path": "images/<sha256>.jpg", "sha256", "label": "real|fake", "submission", "applicant", "source", "reason",
  "decided_at", "bundle", "holdout", "fake_probability", "weight", "audited",
  "sent_by_checks", "votes": [{"member", "probability", "threshold"}]}, ...
], "counts": {"real": n, "fake": n}, "digest": <SHA-256 of the item lines, a line feed after each>}

`choices` names only what was chosen: nothing means that every final decision was taken. The digest is of the items.
`applicant` names a group: one person's submissions, and all submissions of one picture (picture_groups.py).
`fake_probability` is the reviewers' consensus (label_quality.py), on the label's side of 0.5.
`weight` is one over the chance that the item had of reaching people: 1 for what the models flagged, more for the audit.
`audited` is the automatic result that the audit drew the item from, "clear" or "resubmit"; null without a draw.
`sent_by_checks`: a check of the picture kept it from being cleared, whatever the votes said.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from kyc_review.review.models import ASSESSED_LABELS

FORMAT = "kyc-review/snapshot/1"
NAME = "manifest.json"
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "HEIC": "heic", "AVIF": "avif"}


# Of the applicants. A constant: another share would move people between what is trained on and what is measured.
HOLDOUT_PERCENT = 20


def is_held_out(applicant: str) -> bool:
    """Whether this applicant (an opaque hexadecimal name) belongs to the hold-out, which is the same in every
    snapshot."""
    return int(applicant[:8], 16) % 100 < HOLDOUT_PERCENT


def image_path(*, sha256: str, format: str) -> str:
    """Path of an image inside the snapshot. Raises KeyError for a format that intake does not accept."""
    return f"images/{sha256}.{EXTENSIONS[format]}"


def timestamp(moment: dt.datetime) -> str:
    """In UTC and ISO 8601 with microseconds, as all times of a manifest."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def items(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """The items of an open manifest, one line at a time. Raises ValueError when it is none of ours."""
    if not file.readline().endswith(b'"items": [\n'):
        raise ValueError("no manifest of a snapshot")
    for line in file:
        if line.startswith(b"]"):
            return
        yield json.loads(line.rstrip(b",\n"))
    raise ValueError("the manifest ends too early")


class Writer:
    """Writes to an open file: the head at once, then items, then `close()` for what is known only at the end."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        name: str,
        created_at: dt.datetime,
        source_bundle: str | None,
        choices: Mapping[str, Any],
    ) -> None:
        self._file = file
        self._all = hashlib.sha256()
        self._items = hashlib.sha256()
        self.counts = dict.fromkeys(ASSESSED_LABELS, 0)
        head = {
            "format": FORMAT,
            "name": name,
            "created_at": timestamp(created_at),
            "source_bundle": source_bundle,
            "choices": choices,
        }
        self._write(_text(head)[:-1] + ', "items": [')
        self._separator = "\n"

    def add(self, item: Mapping[str, Any]) -> None:
        """Write one item. Raises KeyError for a label that is neither real nor fake."""
        line = _text(item)
        self.counts[item["label"]] += 1
        self._items.update(line.encode() + b"\n")
        self._write(self._separator + line)
        self._separator = ",\n"

    def close(self) -> None:
        """Write counts and digest, which end the document; the file stays open."""
        self._write(f'\n], "counts": {_text(self.counts)}, "digest": "{self.digest}"}}\n')

    @property
    def digest(self) -> str:
        """SHA-256 of the items alone, in hexadecimal."""
        return self._items.hexdigest()

    @property
    def sha256(self) -> str:
        """SHA-256 of everything written so far, in hexadecimal."""
        return self._all.hexdigest()

    def _write(self, text: str) -> None:
        data = text.encode()
        self._all.update(data)
        self._file.write(data)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
