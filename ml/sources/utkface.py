"""UTKFace: `utkface/<age>_<gender>_<race>_<date>.jpg.chip.jpg`. Persons are not named."""

from pathlib import Path

from ml.sources.base import Photo, images_in


def read(data: Path) -> list[Photo]:
    """Rows of `<data>/utkface`, all real; every file its own identity until hashes group them."""
    paths = images_in(data / "utkface", expected="<age>_<gender>_<race>_<date>.jpg.chip.jpg of UTKFace")
    return [Photo(p, f"utkface/{p.name}", "utkface", p.name.split(".")[0], "real") for p in paths]
