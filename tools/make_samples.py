"""Creates samples/: portraits chosen by a rule that uses no model's verdict, some edited by ml.synthesis.

usage: .venv/bin/python -m tools.make_samples --data ../shared/data --splits SPLITS.json

The rule: the portraits of the test side of the frozen split, without presidents (LEFT_OUT), in the order of SHA-256
over `samples:<Bioguide id>`, the first COUNT in which a face is found. Those at the positions of EDITED are edited; the
donor is the most similar face, in shape and tone, of the rest of the test and validation sides. So no member was
trained on any of these people.
"""

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np

from ml.sources import Photo
from ml.sources.folders import read_portraits
from ml.splits import load_split
from ml.synthesis.donors import shape_features
from ml.synthesis.forge import Recipe
from ml.synthesis.measure import MIN_SCORE, measure_faces
from ml.synthesis.sample import forge_file

OUT = Path(__file__).resolve().parent.parent / "samples"
COUNT = 14
# A well-known face is not an applicant's, and an edit of it could be read as a statement.
LEFT_OUT = {"B000444"}
TONE_WEIGHT = 3.0  # relative to shape: a region of another complexion is not a subtle edit
# Position (from 1) and the region laid over it. Every second or third, so that a queue shows both kinds.
EDITED = {2: "eyes", 4: "mouth", 7: "nose", 9: "eye_band", 12: "left_eye", 14: "nose"}


def in_order(photos: Sequence[Photo]) -> list[int]:
    """Indices in the order of SHA-256 over `samples:<Bioguide id>`."""
    digests = [hashlib.sha256(f"samples:{photo.identity}".encode()).hexdigest() for photo in photos]
    return sorted(range(len(photos)), key=digests.__getitem__)


def file_name(position: int) -> str:
    """`sample-07-edited-nose.jpg`: the name says what it is, so that an edited one is not taken for a photograph."""
    region = EDITED.get(position)
    return f"sample-{position:02d}-{'edited-' + region.replace('_', '-') if region else 'genuine'}.jpg"


def make(photos: Sequence[Photo], subjects: Set[str], cache: Path) -> list[tuple[str, str, str, str]]:
    """Writes the sample files; returns a row for each: file, subject, donor and region (empty when genuine).

    subjects: identities that may become samples; all other photos may only be donors.
    """
    measures = measure_faces(photos, cache)
    usable = [i for i in in_order(photos) if measures.score[i] >= MIN_SCORE]
    chosen = [i for i in usable if photos[i].identity in subjects][:COUNT]
    rest = [i for i in usable if i not in chosen]
    features = shape_features(measures)
    features[:, -3:] *= TONE_WEIGHT
    rows = []
    for position, index in enumerate(chosen, start=1):
        target, out, region = photos[index], OUT / file_name(position), EDITED.get(position, "")
        donor = ""
        if region:
            distances = ((features[rest] - features[index]) ** 2).sum(-1)
            lender = photos[rest.pop(int(np.argmin(distances)))]
            donor = lender.identity
            forge_file(target.path, lender.path, out, Recipe(region, softness=0.02, colour=0.9))
        else:
            shutil.copyfile(target.path, out)
        rows.append((out.name, target.identity, donor, region))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Make samples/ again.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--splits", type=Path, required=True)
    options = parser.parse_args()
    photos = read_portraits(options.data)
    side_of = load_split(options.splits, photos)
    unseen = [p for p in photos if side_of[p.key] in ("test", "validation") and p.identity not in LEFT_OUT]
    subjects = {p.identity for p in unseen if side_of[p.key] == "test"}
    OUT.mkdir(exist_ok=True)
    for stale in OUT.glob("sample-*.jpg"):
        stale.unlink()
    with tempfile.TemporaryDirectory() as folder:
        rows = make(unseen, subjects, Path(folder) / "measures.npz")
    print("for the table in samples/README.md:")
    for file, subject, donor, region in rows:
        what = f"{region.replace('_', ' ')} of `{donor}` laid over it" if region else "untouched"
        print(f"| `{file}` | `{subject}` | {what} |")


if __name__ == "__main__":
    main()
