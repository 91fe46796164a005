"""CelebA: `img_align_celeba/000001.jpg`, `list_eval_partition.txt` and `identity_CelebA.txt` (or .csv). All real."""

from pathlib import Path

from ml.sources.base import Photo, SourceMissing, images_in

FOLDER = "img_align_celeba"
PARTITIONS = ("train", "validation", "test")  # 0, 1, 2 in the file


def read(root: Path, *, partition: str | None = None) -> list[Photo]:
    """Rows of a CelebA folder, or of one of its partitions; persons are those of the identity file.

    Raises SourceMissing when folder or identity file are absent, a picture has no identity, or a line has another form.
    Without a partition the partition file need not be there.
    """
    folder = root / FOLDER
    if (folder / FOLDER).is_dir():  # as one archive unpacks
        folder = folder / FOLDER
    paths = images_in(folder, expected="000001.jpg and so on of CelebA, aligned and cropped")
    identity = _table(root, "identity_CelebA", "<picture> <number of the person>")
    if unnamed := [p for p in paths if p.name not in identity]:
        raise SourceMissing(f"{unnamed[0]} is not in the identity file: expected a line for every picture")
    if partition is not None:
        if partition not in PARTITIONS:
            raise SourceMissing(f"no partition {partition!r} in CelebA: expected {', '.join(PARTITIONS)}")
        side = _table(root, "list_eval_partition", "<picture> <0, 1 or 2>")
        wanted = str(PARTITIONS.index(partition))
        paths = [p for p in paths if side.get(p.name) == wanted]
        if not paths:
            raise SourceMissing(f"{folder} holds no picture of the partition {partition}")
    return [Photo(p, f"celeba/{p.name}", "celeba", identity[p.name], "real") for p in paths]


def _table(root: Path, stem: str, expected: str) -> dict[str, str]:
    """Picture -> value from `<stem>.txt` (blanks between) or `<stem>.csv` (a comma, one title line)."""
    path = next((p for p in (root / f"{stem}.txt", root / f"{stem}.csv") if p.is_file()), None)
    if path is None:
        raise SourceMissing(f"{root / stem}.txt is missing (or .csv): expected lines of {expected}")
    table = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        parts = line.replace(",", " ").split()
        if not parts or (number == 1 and not parts[-1].isdecimal()):
            continue
        if len(parts) != 2 or not parts[1].isdecimal():
            raise SourceMissing(f"{path}, line {number}: {line!r}; expected {expected}")
        table[parts[0]] = parts[1]
    return table
