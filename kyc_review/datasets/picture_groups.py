"""Which submissions must lie on the same side of the hold-out: those of one applicant, and those of one picture.

One selfie may come under several references (a ring of fraud, or one person who applies again). If one copy were
learned from and another measured on, the measurement would say how well pictures are remembered. So equal files and
near-duplicates join the groups of their applicants, before the hold-out is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from kyc_review.core.disjoint_sets import DisjointSets
from kyc_review.evidence.near_duplicates import NEAR_COARSE, NEAR_FINE, neighbours

BANDS = 4
BUCKET_MAX = 400  # more pictures with one band in common have hashes that distinguish nothing


@dataclass(frozen=True, slots=True)
class Pictured:
    """One submission: `applicant` is opaque; `coarse` of 64 and `fine` of 256 bits, None without a fingerprint."""

    key: Hashable
    applicant: str
    sha256: str
    coarse: int | None = None
    fine: int | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """of: submission -> the group's name, which is the applicant of its first submission; picture: submission -> a name
    that equal and near pictures share; near: pairs of different files that look nearly the same."""

    of: dict[Hashable, str]
    picture: dict[Hashable, Hashable]
    near: int


def picture_groups(rows: Sequence[Pictured]) -> Groups:
    """Groups of submissions; `rows` in the order in which they arrived, so that a later one changes no earlier side."""
    people, pictures = DisjointSets(list(range(len(rows)))), DisjointSets(list(range(len(rows))))
    first_of: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows):
        people.join(number, first_of.setdefault(("applicant", row.applicant), number))
        pictures.join(number, first_of.setdefault(("sha256", row.sha256), number))
    near = 0
    for one, other in _near(rows):
        near += rows[one].sha256 != rows[other].sha256
        pictures.join(one, other)
    for number in range(len(rows)):
        people.join(number, pictures.find(number))
    return Groups(
        of={row.key: rows[people.find(number)].applicant for number, row in enumerate(rows)},
        picture={row.key: rows[pictures.find(number)].key for number, row in enumerate(rows)},
        near=near,
    )


def contradictions(groups: Groups, labels: Iterable[tuple[Hashable, str]]) -> list[list[Hashable]]:
    """Submissions of each picture that carries both labels. labels: (submission, label) in the order to list."""
    held: dict[Hashable, list[tuple[Hashable, str]]] = defaultdict(list)
    for key, label in labels:
        held[groups.picture[key]].append((key, label))
    return [[key for key, _ in rows] for rows in held.values() if len({label for _, label in rows}) > 1]


def _near(rows: Sequence[Pictured]) -> Iterator[tuple[int, int]]:
    """Pairs at most NEAR_COARSE and NEAR_FINE bits apart, as evidence finds them: of two coarse hashes at most seven
    bits apart, one band of 16 bits is at most one bit apart."""
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    hashed = [
        (number, row) for number, row in enumerate(rows) if row.coarse is not None and row.fine is not None
    ]
    for number, row in hashed:
        for band in range(BANDS):
            buckets[band, _band(row, band)].append(number)
    for number, row in hashed:
        seen: set[int] = set()
        for band in range(BANDS):
            for value in neighbours(_band(row, band)):
                bucket = buckets.get((band, value), ())
                seen.update(bucket if len(bucket) <= BUCKET_MAX else ())
        for other in seen:
            if other < number and _is_near(row, rows[other]):
                yield other, number


def _band(row: Pictured, band: int) -> int:
    assert row.coarse is not None
    return row.coarse >> (16 * band) & 0xFFFF


def _is_near(one: Pictured, other: Pictured) -> bool:
    assert one.coarse is not None and other.coarse is not None  # noqa: PT018  # both have fingerprints
    assert one.fine is not None and other.fine is not None  # noqa: PT018
    coarse = ((one.coarse ^ other.coarse) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()
    return coarse <= NEAR_COARSE and (one.fine ^ other.fine).bit_count() <= NEAR_FINE
