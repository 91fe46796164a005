"""Frozen splits by person and by near-duplicate, made before anything else.

Two photographs go to the same side when they share an identity within a source, or when their perceptual
hashes are close. The side is then drawn per source by the order of SHA-256 over the group's name, so it does
not depend on a library's random numbers. `stack` is the part of the training 80 % that no member ever sees:
the stack learns there.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ml.sources import Photo
from ml.whole_files import write_whole

SIDES: tuple[tuple[str, float], ...] = (("test", 0.1), ("validation", 0.1), ("stack", 0.1), ("train", 0.7))
FORMAT = "kyc-review/splits/1"
HASH_BITS = 256
NEAR_BITS = 60  # of 256; measured: pairs above are different people in front of the same backdrop
NEAR_BITS_RFF = 72  # an RFF fake differs from its original by up to four regions


def group_people(photos: Sequence[Photo], hashes: np.ndarray) -> list[str]:
    """A group name for each photo.

    hashes: (N, 256) bool perceptual hashes. Joined are equal identities, a photograph and those it is related to, and
    hashes at most NEAR_BITS apart.
    """
    signs = 2 * hashes.astype(np.float32) - 1
    rff = np.array([p.source == "rff" for p in photos])
    rows, columns = [], []
    for start in range(0, len(photos), 1024):  # blocks keep the distance matrix small
        distance = (HASH_BITS - signs[start : start + 1024] @ signs.T) / 2
        limit = np.where(np.outer(rff[start : start + 1024], rff), NEAR_BITS_RFF, NEAR_BITS)
        r, c = np.nonzero(distance <= limit)
        rows.append(r + start)
        columns.append(c)
    first: dict[tuple[str, str], int] = {}
    same = [
        (i, first.setdefault((p.source, name), i))
        for i, p in enumerate(photos)
        for name in (p.identity, *p.related)
    ]
    rows.append(np.array([a for a, _ in same]))
    columns.append(np.array([b for _, b in same]))
    r, c = np.concatenate(rows), np.concatenate(columns)
    _, component = connected_components(
        csr_matrix((np.ones(len(r)), (r, c)), (len(photos),) * 2), directed=False
    )
    name: dict[int, str] = {}
    for photo, number in zip(photos, component, strict=True):
        name[number] = min(name.get(number, photo.key), photo.key)
    return [name[number] for number in component]


def assign_sides(
    photos: Sequence[Photo],
    group_of: Sequence[str],
    seed: str = "kyc-review",
    sides: Sequence[tuple[str, float]] = SIDES,
) -> dict[str, str]:
    """Side of each photo's key. Shares are met per source and label up to the size of a group."""
    members: dict[str, list[Photo]] = defaultdict(list)
    for photo, group in zip(photos, group_of, strict=True):
        members[group].append(photo)
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for group, rows in members.items():
        strata[(rows[0].source, rows[0].label)].append(group)
    side_of: dict[str, str] = {}
    for stratum in sorted(strata):
        ordered = sorted(strata[stratum], key=lambda g: hashlib.sha256(f"{seed}:{g}".encode()).hexdigest())
        total, done = sum(len(members[g]) for g in ordered), 0
        bounds = np.cumsum([share for _, share in sides])
        for group in ordered:
            side = sides[min(int(np.searchsorted(bounds, done / total, side="right")), len(sides) - 1)][0]
            done += len(members[group])
            side_of.update((photo.key, side) for photo in members[group])
    return side_of


def freeze_split(
    path: Path, photos: Sequence[Photo], group_of: Sequence[str], side_of: Mapping[str, str]
) -> str:
    """Writes the split with every file's SHA-256, whole or not at all, and returns the SHA-256 of what it wrote.

    Raises ValueError, and changes nothing, when another split is there.
    """
    rows = [
        [p.key, hashlib.sha256(p.path.read_bytes()).hexdigest(), side_of[p.key], group]
        for p, group in zip(photos, group_of, strict=True)
    ]
    document = {"format": FORMAT, "columns": ["key", "sha256", "side", "group"], "rows": sorted(rows)}
    body = json.dumps(document, separators=(",", ":")).encode()
    if not path.exists():
        write_whole(path, lambda part: part.write_bytes(body))
    elif path.read_bytes() != body:
        raise ValueError(_other(path))
    return hashlib.sha256(body).hexdigest()


def require_frozen_of(path: Path, photos: Sequence[Photo]) -> None:
    """Raises ValueError when a split is there, but not of exactly these photos: before any work on them."""
    if not path.exists():
        return
    frozen = {key: sha for key, sha, _, _ in _rows(path)}
    if frozen.keys() != {photo.key for photo in photos} or any(
        hashlib.sha256(photo.path.read_bytes()).hexdigest() != frozen[photo.key] for photo in photos
    ):
        raise ValueError(_other(path))


def _other(path: Path) -> str:
    return (
        f"{path} is the split of other pictures, or was made in another way; it stays as it is. Give the pictures that "
        "it was made from, or another work folder for these"
    )


def load_split(path: Path, photos: Sequence[Photo]) -> dict[str, str]:
    """Sides of a frozen split for these photos.

    Raises ValueError when the file is no split, or a photo is missing from it or has other bytes.
    """
    frozen = {key: (sha, side) for key, sha, side, _ in _rows(path)}
    side_of = {}
    for photo in photos:
        sha, side = frozen.get(photo.key, ("", ""))
        if hashlib.sha256(photo.path.read_bytes()).hexdigest() != sha:
            raise ValueError(f"{photo.path} is not what {path} froze: freeze a new split to use other data")
        side_of[photo.key] = side
    return side_of


def _rows(path: Path) -> list[list[str]]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path} is no frozen split: expected format {FORMAT}")
    rows: list[list[str]] = document["rows"]
    return rows
