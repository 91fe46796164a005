"""The rows that every reader yields: a file, its label and the person on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
LISTED = 20  # names in a message, at most


class SourceMissing(ValueError):
    """A data set is not where it was expected; the message names the path and the expected content."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph. `key` is its path inside the data folder; `identity` is equal for one person within a source.

    related: further identities whose photographs belong on the same side of a split (what a forgery was made
    from). mask: the file that shows what was forged, None where there is none. holdout: never used for
    training or selection; `submission` names it to the people who decided.
    """

    path: Path
    key: str
    source: str
    identity: str
    label: str  # "real" | "fake"
    regions: tuple[str, ...] = ()  # what was forged, where the data set says so
    related: tuple[str, ...] = ()
    mask: Path | None = None
    holdout: bool = False
    submission: str = ""
    weight: float = 1.0  # one over the probability that it was labelled
    was_cleared: bool = False  # an audit drew it from what was cleared without a person
    sent_by_checks: bool = False  # a check kept it from being cleared, whatever the votes said
    fake_probability: float | None = (
        None  # by the consensus of those who decided; None where the label is certain
    )


def images_in(folder: Path, *, expected: str) -> list[Path]:
    """Image files of one folder, sorted by name.

    Raises SourceMissing if there is no such folder or it holds no image.
    """
    if not folder.is_dir():
        raise SourceMissing(f"{folder} is not a folder: expected {expected}")
    return require(
        sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES), folder, expected
    )


def require(paths: Iterable[Path], folder: Path, expected: str) -> list[Path]:
    """The paths as a list; SourceMissing when there are none."""
    found = list(paths)
    if not found:
        raise SourceMissing(f"{folder} holds no images: expected {expected}")
    return found


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
