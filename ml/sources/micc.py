"""MICC-F220 and MICC-F2000: copy-move, labelled by a text file next to the pictures.

`groundtruthDB_220.txt` (or `_2000`) has one line a picture, `CRW_4853tamp131.jpg 1` for a forgery and
`CRW_4853_scale.jpg 0` for an original. What comes before `tamp<number>` or `scale` is the scene.
"""

import re
from pathlib import Path

from ml.sources.base import Photo, SourceMissing

SCENE = re.compile(r"(?P<scene>.+?)_?(?:tamp\d*|scale)", re.IGNORECASE)


def read(root: Path) -> list[Photo]:
    """Rows of a MICC folder; a scene's files share one identity.

    Raises SourceMissing without a ground-truth file, for a line in another form, a picture that is not there, or an
    absent class.
    """
    found = sorted(root.glob("groundtruthDB_*.txt"))
    if len(found) != 1:
        raise SourceMissing(
            f"{root} holds {len(found)} files groundtruthDB_*.txt: expected the one of MICC-F220 or F2000"
        )
    rows = []
    for number, line in enumerate(found[0].read_text(errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        name, _, flag = line.strip().rpartition(" ")
        name = name.strip()
        if flag not in ("0", "1") or not name or Path(name).name != name:
            raise SourceMissing(f"{found[0]}, line {number}: {line!r}; expected <file name> <0 or 1>")
        rows.append(_row(root, name, "fake" if flag == "1" else "real"))
    for label, ending in (("real", 0), ("fake", 1)):
        if all(row.label != label for row in rows):
            raise SourceMissing(f"{found[0]} names no {label} picture: expected lines that end in {ending}")
    return rows


def _row(root: Path, name: str, label: str) -> Photo:
    path = root / name
    if not path.is_file():
        raise SourceMissing(f"{path} is missing: expected every picture that the ground-truth file names")
    match = SCENE.fullmatch(path.stem)
    regions = ("copy_move",) if label == "fake" else ()
    return Photo(path, f"micc/{name}", "micc", match["scene"] if match else path.stem, label, regions=regions)
