"""Plain folders: one folder of portraits, or `real/` and `fake/`."""

from pathlib import Path

from ml.sources.base import Photo, images_in


def read_portraits(data: Path) -> list[Photo]:
    """Rows of `<data>/portraits` (public-domain official portraits), one person each, all real."""
    paths = images_in(data / "portraits", expected="<Bioguide id>.jpg, one portrait a person")
    return [Photo(p, f"portraits/{p.name}", "portraits", p.stem, "real") for p in paths]


def read_labelled(root: Path, *, source: str) -> list[Photo]:
    """Rows of `<root>/real` and `<root>/fake`, in whatever case; every file its own identity until hashes group them.

    Raises SourceMissing when a folder is absent or empty.
    """
    there = {p.name.lower(): p for p in sorted(root.iterdir()) if p.is_dir()} if root.is_dir() else {}
    rows = []
    for label in ("real", "fake"):
        folder = there.get(label, root / label)
        for path in images_in(folder, expected=f"{label} face photographs"):
            rows.append(Photo(path, f"{source}/{label}/{path.name}", source, f"{label}/{path.stem}", label))
    return rows
