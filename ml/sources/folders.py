"""Plain folders: one folder of portraits, or `real/` and `fake/` side by side."""

from pathlib import Path

from ml.sources.base import Photo, images_in


def read_portraits(data: Path) -> list[Photo]:
    """Rows of `<data>/portraits` (public-domain official portraits), one person each, all real."""
    paths = images_in(data / "portraits", expected="<Bioguide id>.jpg, one portrait a person")
    return [Photo(p, f"portraits/{p.name}", "portraits", p.stem, "real") for p in paths]


def read_labelled(root: Path, *, source: str) -> list[Photo]:
    """Rows of `<root>/real` and `<root>/fake`; every file its own identity."""
    rows = []
    for label in ("real", "fake"):
        for path in images_in(root / label, expected=f"{label} face photographs"):
            rows.append(Photo(path, f"{source}/{label}/{path.name}", source, f"{label}/{path.stem}", label))
    return rows
