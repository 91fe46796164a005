"""Generated faces and the photographs of the same collection, for the auxiliary model *Generated face* alone.

They are no source of the ensemble. `gan_faces/real` and `gan_faces/fake` are one collection; faces of further
generators are in `generators/<generator>/`, each folder one source.
"""

from pathlib import Path

from ml.sources.base import IMAGE_SUFFIXES, Photo, SourceMissing
from ml.sources.folders import read_labelled

COLLECTION, GENERATORS = "gan_faces", "generators"


def read(data: Path, generators: Path | None = None) -> list[Photo]:
    """Rows of `<data>/gan_faces`, and of every folder of `generators` (by default `<data>/generators`, if it is there).

    Raises SourceMissing without the collection, and for a folder of generators that is named but holds no pictures.
    """
    rows = read_labelled(data / COLLECTION, source=COLLECTION)
    folder = generators or data / GENERATORS
    if not folder.is_dir():
        if generators:
            raise SourceMissing(f"{folder} is not a folder: expected <generator>/*.png or *.jpg in it")
        return rows
    found = [
        Photo(path, f"{GENERATORS}/{each.name}/{path.name}", each.name, f"fake/{path.stem}", "fake")
        for each in sorted(folder.iterdir())
        if each.is_dir()
        for path in sorted(each.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if generators and not found:
        raise SourceMissing(f"{folder} holds no images: expected <generator>/*.png or *.jpg")
    return rows + found
