"""Generated faces and the photographs of the same collection, for the auxiliary model *Generated face* alone.

They are no source of the ensemble. `gan_faces/real` and `gan_faces/fake` are one collection; faces of further
generators are in `generators/<generator>/`, each folder one source.
"""

from pathlib import Path

from ml.sources.base import IMAGE_SUFFIXES, Photo, SourceMissing, listed
from ml.sources.catalogue import SOURCES
from ml.sources.folders import read_labelled

COLLECTION, GENERATORS = "gan_faces", "generators"


def read(data: Path, generators: Path | None = None) -> list[Photo]:
    """Rows of `<data>/gan_faces`, and of every folder of `generators` (by default `<data>/generators`, if it is there).

    Raises SourceMissing without the collection, for a folder of generators that is named but holds no pictures, and for
    a generator with the name of a set.
    """
    rows = read_labelled(data / COLLECTION, source=COLLECTION)
    folder = generators or data / GENERATORS
    if generators and not folder.is_dir():
        raise SourceMissing(f"{folder} is not a folder: expected <generator>/*.png or *.jpg in it")
    there = _generators(folder)
    taken = {name.casefold() for name in (*SOURCES, COLLECTION)}
    clashes = [name for name in there if name.casefold() in taken]
    if clashes:
        raise SourceMissing(
            f"{folder}: {listed(clashes)} is the name of another set: expected a name of its own for each generator"
        )
    found = [
        Photo(path, f"{GENERATORS}/{name}/{path.name}", name, f"fake/{path.stem}", "fake")
        for name, paths in there.items()
        for path in paths
    ]
    if generators and not found:
        raise SourceMissing(f"{folder} holds no images: expected <generator>/*.png or *.jpg")
    return rows + found


def without_pictures(data: Path, generators: Path | None = None) -> list[Path]:
    """Folders of generators that hold no pictures, so that `read` has no rows of them."""
    folder = generators or data / GENERATORS
    return [folder / name for name, paths in _generators(folder).items() if not paths]


def _generators(folder: Path) -> dict[str, list[Path]]:
    """Pictures by generator; nothing without the folder."""
    return {
        each.name: sorted(path for path in each.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        for each in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if each.is_dir()
    }
