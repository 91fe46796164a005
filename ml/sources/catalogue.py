"""Which sources the shipped ensemble learns from, by name."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ml.sources import folders, lfw, rff, scut, utkface
from ml.sources.base import Photo, SourceMissing

SOURCES: dict[str, Callable[[Path], list[Photo]]] = {
    "rff": rff.read,
    "lfw": lfw.read,
    "utkface": utkface.read,
    "scut": scut.read,
    "portraits": folders.read_portraits,
}


def read_all(data: Path, names: Sequence[str] = tuple(SOURCES)) -> list[Photo]:
    """Rows of the named sources under `data`.

    Raises SourceMissing for an unknown name or an absent set.
    """
    unknown = sorted(set(names) - set(SOURCES))
    if unknown:
        raise SourceMissing(f"no reader for {', '.join(unknown)}: known are {', '.join(SOURCES)}")
    return [photo for name in names for photo in SOURCES[name](data)]
