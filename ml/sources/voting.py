"""The faces of system T's approach 3: RFF's forged and real ones first, then one real one after another of CelebA.

If CelebA is not available, LFW, UTKFace and SCUT-FBP5500 replace it, as far as they exist.
"""

from pathlib import Path

from ml.sources import celeba, lfw, rff, scut, utkface
from ml.sources.base import Photo, SourceMissing

STAND_INS = {"lfw": lfw.read, "utkface": utkface.read, "scut": scut.read}


def read(data: Path) -> list[Photo]:
    """Rows of `rff/` and of `celeba/` (or `img_align_celeba/`), or of those of `lfw/`, `utkface/`, `scut/` that exist.

    Raises SourceMissing when RFF is absent, or when there is none of the others.
    """
    rows = rff.read(data)
    for root in (data / "celeba", data):
        if (root / celeba.FOLDER).is_dir():
            return rows + celeba.read(root)
    found = [reader for name, reader in STAND_INS.items() if (data / name).is_dir()]
    if not found:
        raise SourceMissing(
            f"{data} holds no celeba/, lfw/, utkface/ or scut/: expected real faces next to rff/"
        )
    return [*rows, *(photo for reader in found for photo in reader(data))]
