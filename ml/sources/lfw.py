"""Labeled Faces in the Wild: `lfw/<person>/<person>_0001.jpg`; the folder is the person."""

from pathlib import Path

from ml.sources.base import Photo, SourceMissing, require


def read(data: Path) -> list[Photo]:
    """Rows of `<data>/lfw`, all real."""
    root = data / "lfw"
    expected = "one folder a person with <person>_<number>.jpg inside"
    if not root.is_dir():
        raise SourceMissing(f"{root} is not a folder: expected {expected}")
    paths = require(sorted(root.glob("*/*.jpg")), root, expected)
    return [Photo(p, f"lfw/{p.parent.name}/{p.name}", "lfw", p.parent.name, "real") for p in paths]
