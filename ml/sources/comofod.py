"""CoMoFoD (small): copy-move, 200 scenes of 512x512, each original and forged, each also after 24 kinds of processing.

`001_O.png` original, `001_F.png` forged, `001_B.png` its mask (white was forged), `001_M.png` a coloured mask;
`001_F_JC1.jpg`, `001_O_BC2.png` and so on are the same after processing. The number is the scene.
"""

import re
from pathlib import Path

from ml.sources.base import Photo, SourceMissing, images_in

NAME = re.compile(r"(?P<scene>\d{3})_(?P<kind>[OFBM])(?:_(?P<processing>[A-Z]{2}\d*))?")


def read(root: Path) -> list[Photo]:
    """Rows of a CoMoFoD folder; a scene's files share one identity.

    Raises SourceMissing for another layout, a name in another form, or a class without images.
    """
    expected = "<scene>_O.png, <scene>_F.png, <scene>_B.png and processed versions of CoMoFoD"
    rows: list[Photo] = []
    masks: dict[str, Path] = {}
    named = []
    for path in images_in(root, expected=expected):
        match = NAME.fullmatch(path.stem)
        if match is None:
            raise SourceMissing(f"{path} is no file of CoMoFoD: expected {expected}")
        named.append((path, match["scene"], match["kind"]))
        if match["kind"] == "B":
            masks[match["scene"]] = path
    for path, scene, kind in named:
        key = f"comofod/{path.name}"
        if kind == "O":
            rows.append(Photo(path, key, "comofod", scene, "real"))
        elif kind == "F":
            regions = ("copy_move",)
            rows.append(Photo(path, key, "comofod", scene, "fake", regions=regions, mask=masks.get(scene)))
    for label, kind in (("real", "O"), ("fake", "F")):
        if all(row.label != label for row in rows):
            raise SourceMissing(f"{root} holds no <scene>_{kind} file: expected {expected}")
    return rows
