"""Detects which forgery set a folder holds by its layout."""

from collections.abc import Callable
from pathlib import Path

from ml.sources import casia, comofod, ifs_tc, micc
from ml.sources.base import Photo, SourceMissing

LAYOUTS = (
    "CASIA (Au/, Sp/ or Tp/), CoMoFoD (001_O.png ...), MICC (groundtruthDB_*.txt), IFS-TC (pristine/, fake/)"
)
SIGNS: tuple[tuple[str, Callable[[Path], list[Photo]]], ...] = (
    ("Au", casia.read),
    ("groundtruthDB_*.txt", micc.read),
    ("[0-9][0-9][0-9]_O*", comofod.read),
    ("pristine", ifs_tc.read),
    ("training/pristine", ifs_tc.read),
    ("*/phase-01/training/pristine", ifs_tc.read),
)


def read(root: Path) -> list[Photo]:
    """Rows of the set in this folder. Raises SourceMissing when it is none of the known ones."""
    for sign, reader in SIGNS:
        if next(root.glob(sign), None) is not None:
            return reader(root)
    raise SourceMissing(f"{root} holds none of the sets that are known: expected {LAYOUTS}")
