"""Real and Fake Face Detection (Yonsei CIPLab): photoshopped composites of eyes, nose and mouth.

`training_fake/easy_100_1111.jpg` is difficulty, number, and one flag each for left eye, right eye, nose and mouth.
One published name has three flags (`easy_116_111`): then which regions were forged is unknown.
"""

import re
from pathlib import Path

from ml.sources.base import Photo, SourceMissing, images_in

FLAGS = ("left_eye", "right_eye", "nose", "mouth")
FAKE_NAME = re.compile(r"(?P<difficulty>easy|mid|hard)_(?P<number>\d+)_(?P<flags>[01]{3,4})")


def regions_of(stem: str) -> tuple[str, ...]:
    """Forged regions that a fake's name states; empty when its flags are incomplete.

    Raises SourceMissing for a name in another form.
    """
    match = FAKE_NAME.fullmatch(stem)
    if match is None:
        raise SourceMissing(f"{stem} is no RFF fake: expected <easy|mid|hard>_<number>_<four flags 0 or 1>")
    flags = match["flags"]
    if len(flags) != len(FLAGS):
        return ()
    return tuple(region for region, flag in zip(FLAGS, flags, strict=True) if flag == "1")


def read(data: Path) -> list[Photo]:
    """Rows of `<data>/rff`, or of `data` itself when it is the data set's folder. Persons are not named: every file is
    its own identity until hashes group them."""
    root = data if (data / "training_real").is_dir() else data / "rff"
    reals = images_in(root / "training_real", expected="real_<number>.jpg of Real and Fake Face Detection")
    fakes = images_in(root / "training_fake", expected="<difficulty>_<number>_<flags>.jpg of the same set")
    rows = [Photo(p, f"rff/training_real/{p.name}", "rff", p.stem, "real") for p in reals]
    rows += [
        Photo(p, f"rff/training_fake/{p.name}", "rff", p.stem, "fake", regions_of(p.stem)) for p in fakes
    ]
    return rows
