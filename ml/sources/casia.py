"""CASIA v1 and v2: authentic, spliced and copy-moved pictures with masks of what was changed.

`Au/Au_ani_0001.jpg` is authentic; `Sp/Sp_D_CND_A_pla0005_pla0023_0281.jpg` (v1) and
`Tp/Tp_D_CND_M_N_ani00018_sec00096_00138.tif` (v2) name the picture they are made on and the one they took from;
`groundtruth/<name>_gt.png` is white where something was changed. Editions call folders differently: the forged one may
be `Sp` or `Tp`, the masks' is whichever has `groundtruth` in its name (v2: `CASIA 2 Groundtruth`).
"""

import re
from pathlib import Path

from ml.sources.base import Photo, SourceMissing, images_in

AUTHENTIC = re.compile(r"Au_(?P<kind>[a-z]+)_?(?P<number>\d+)", re.IGNORECASE)
FORGED = re.compile(r"(?:Sp|Tp)_(?:D|S)_.*?_(?P<on>[a-z]{3}\d+)_(?P<taken>[a-z]{3}\d+)_\d+", re.IGNORECASE)
FORGED_FOLDERS = ("Sp", "Tp")
JPEG = frozenset({".jpg", ".jpeg"})


def read(root: Path, *, jpeg_only: bool = True) -> list[Photo]:
    """Rows of a CASIA folder. A forgery shares its identity with the picture it is made on and is related to the other.

    jpeg_only leaves out v2's TIFF and BMP files, whose compression alone reveals their class. Raises
    SourceMissing for another layout, a name in another form, or a class without images.
    """
    forged = next((root / name for name in FORGED_FOLDERS if (root / name).is_dir()), root / "Sp")
    reals = images_in(root / "Au", expected="Au_<kind>_<number>.jpg of CASIA v1 or v2")
    fakes = images_in(forged, expected="Sp_... (v1) or Tp_... (v2) files of CASIA")
    if jpeg_only:
        reals = [p for p in reals if p.suffix.lower() in JPEG]
        fakes = [p for p in fakes if p.suffix.lower() in JPEG]
        for folder, found in ((root / "Au", reals), (forged, fakes)):
            if not found:
                raise SourceMissing(f"{folder} holds no JPEG: expected *.jpg")
    masks = _masks(root)
    rows = [Photo(p, f"casia/Au/{p.name}", "casia", _authentic(p), "real") for p in reals]
    return rows + [_forged(p, masks) for p in fakes]


def _authentic(path: Path) -> str:
    match = AUTHENTIC.fullmatch(path.stem)
    if match is None:
        raise SourceMissing(f"{path} is no authentic file of CASIA: expected Au_<kind>_<number>")
    return f"{match['kind']}{match['number']}".lower()


def _forged(path: Path, masks: dict[str, Path]) -> Photo:
    match = FORGED.fullmatch(path.stem)
    if match is None:
        raise SourceMissing(
            f"{path} is no forged file of CASIA: expected Sp_... or Tp_... with two picture names and a number"
        )
    on, taken = match["on"].lower(), match["taken"].lower()
    return Photo(
        path,
        f"casia/{path.parent.name}/{path.name}",
        "casia",
        on,
        "fake",
        regions=("copy_move" if on == taken else "splice",),
        related=() if on == taken else (taken,),
        mask=masks.get(path.stem),
    )


def _masks(root: Path) -> dict[str, Path]:
    """Mask files by the stem of the picture they belong to."""
    folders = [p for p in root.iterdir() if p.is_dir() and "groundtruth" in p.name.lower().replace(" ", "")]
    return {p.stem.removesuffix("_gt"): p for folder in folders for p in folder.rglob("*_gt.png")}
