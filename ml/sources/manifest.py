"""A snapshot of reviewers' decisions: `manifest.json` and `images/<sha256>.jpg`."""

import hashlib
import json
from pathlib import Path
from typing import Any

from encrypted_files.keyring import read_bytes
from encrypted_files.stream import FileUnreadable
from ml.sources.base import Photo, SourceMissing

FORMAT = "kyc-review/snapshot/1"


def read(manifest: Path) -> list[Photo]:
    """Rows of a snapshot; the applicant is the identity, the integration the source.

    Raises SourceMissing when the file is no snapshot, an image is missing or has other bytes, or a label is unknown.
    """
    return _rows(manifest, erased_left_out=False)


def present(manifest: Path) -> list[Photo]:
    """The rows whose image still exists; erased ones are left out. Raises SourceMissing as `read` does."""
    return _rows(manifest, erased_left_out=True)


def _rows(manifest: Path, *, erased_left_out: bool) -> list[Photo]:
    manifest = manifest / "manifest.json" if manifest.is_dir() else manifest
    try:
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceMissing(f"{manifest} cannot be read as a snapshot's manifest: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SourceMissing(f"{manifest} is no snapshot: expected format {FORMAT}")
    rows = []
    for number, item in enumerate(document.get("items", [])):
        try:
            if erased_left_out and not (manifest.parent / item["path"]).exists():
                continue
            rows.append(_row(manifest.parent, item))
        except KeyError as missing:
            raise SourceMissing(f"{manifest}: item {number} lacks {missing}") from missing
    return rows


def _row(root: Path, item: dict[str, Any]) -> Photo:
    path = (root / item["path"]).resolve()
    if not path.is_relative_to(root.resolve()):
        raise SourceMissing(f"{item['path']} leaves the snapshot's folder: expected images/<sha256>.<suffix>")
    if not path.is_file():
        raise SourceMissing(f"{path} is missing: expected an image that the manifest names")
    try:
        content = read_bytes(path)
    except FileUnreadable as unreadable:
        raise SourceMissing(unreadable.strerror) from unreadable
    if hashlib.sha256(content).hexdigest() != item["sha256"]:
        raise SourceMissing(f"{path} is not the image that was decided on: its SHA-256 differs")
    if item["label"] not in ("real", "fake"):
        raise SourceMissing(f"{path} has the label {item['label']!r}: expected real or fake")
    return Photo(
        path,
        item["sha256"],
        item["source"],
        item["applicant"] or item["submission"],
        item["label"],
        holdout=bool(item.get("holdout", False)),
        submission=item["submission"],
        weight=float(item.get("weight", 1.0)),
        was_cleared=_was_cleared(path, item),
        sent_by_checks=_sent_by_checks(item),
        fake_probability=_probability(path, item.get("fake_probability")),
    )


def _was_cleared(path: Path, item: dict[str, Any]) -> bool:
    """Whether the audit drew it from what was cleared. Manifests from before `audited` do not tell cleared pictures
    from those that a check sent back: every draw with a chance below 1 counts as cleared."""
    if "audited" not in item:
        return float(item.get("weight", 1.0)) > 1
    if item["audited"] not in ("clear", "resubmit", None):
        raise SourceMissing(f"{path} was audited from {item['audited']!r}: expected clear, resubmit or null")
    return bool(item["audited"] == "clear")


def _sent_by_checks(item: dict[str, Any]) -> bool:
    """Manifests from before `sent_by_checks` tell it by what brought the item to a person, where no later reason hides
    it."""
    before = item.get("reason") == "checks" or item.get("audited") == "resubmit"
    return bool(item.get("sent_by_checks", before))


def _probability(path: Path, stated: Any) -> float | None:
    if stated is None:
        return None
    if not isinstance(stated, int | float) or not 0 <= stated <= 1:
        raise SourceMissing(f"{path} has the probability {stated!r} of fake: expected a number from 0 to 1")
    return float(stated)
