"""Mean faces per source and label."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detection.faces.default import largest_face
from ml.cli import main
from ml.mean_faces import EYES, HEIGHT, LEAST_PEOPLE, WIDTH, align_by_eyes, mean_faces
from ml.sources import Photo

SAMPLES = Path(__file__).parents[2] / "samples"


def flat(folder: Path, grey: int, *, person: str, source: str = "app", label: str = "real") -> Photo:
    """A picture of one grey level, without a face."""
    name = f"{source}-{label}-{person}-{grey}"
    path = folder / f"{name}.png"
    Image.new("RGB", (60, 80), (grey, grey, grey)).save(path)
    return Photo(path, name, source, person, label)


def test_without_faces_to_align_it_is_the_plain_mean_of_each_cell(tmp_path: Path) -> None:
    reals = [flat(tmp_path, 10 * n, person=str(n)) for n in range(12)]
    fakes = [flat(tmp_path, 200 + n, person=str(n), label="fake") for n in range(10)]
    fake, real = mean_faces(reals + fakes, tmp_path / "out")
    assert (real["people"], real["faces"], real["aligned"]) == (12, 12, False)
    for cell, expected in ((real, 55), (fake, round(np.mean(range(200, 210))))):
        with Image.open(tmp_path / "out" / str(cell["file"])) as picture:
            assert (picture.size, picture.getextrema()) == ((WIDTH, HEIGHT), ((expected, expected),) * 3)


def test_a_mean_of_few_people_is_not_made_however_many_pictures_they_have(tmp_path: Path) -> None:
    rows = [flat(tmp_path, 3 * n, person=str(n % (LEAST_PEOPLE - 1))) for n in range(40)]
    (cell,) = mean_faces(rows, tmp_path / "out")
    assert (cell["people"], cell["faces"], cell["file"]) == (LEAST_PEOPLE - 1, 40, None)
    assert list((tmp_path / "out").iterdir()) == []


def test_at_most_so_many_faces_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.mean_faces.MOST", 11)
    (cell,) = mean_faces([flat(tmp_path, n, person=str(n)) for n in range(30)], tmp_path / "out")
    assert cell["faces"] == 11


def test_a_similarity_takes_the_two_corners_to_their_places() -> None:
    image = Image.new("RGB", (300, 400))
    right, left = complex(90, 200), complex(210, 230)
    for corner, colour in ((right, (255, 0, 0)), (left, (0, 255, 0))):
        x, y = corner.real, corner.imag
        image.paste(colour, (int(x - 9), int(y - 9), int(x + 9), int(y + 9)))
    found = np.asarray(align_by_eyes(image, right, left)).astype(float)
    for channel, place in zip((0, 1), EYES, strict=True):
        y, x = np.argwhere(found[..., channel] > 128).mean(0)
        assert abs(complex(x, y) - place) < 1.5


def test_real_faces_lie_eyes_on_eyes(tmp_path: Path) -> None:
    files = sorted(SAMPLES.glob("*.jpg"))[:LEAST_PEOPLE]
    rows = [Photo(file, file.name, "samples", file.name, "real") for file in files]
    (cell,) = mean_faces(rows, tmp_path / "out")
    assert cell["aligned"] is True
    with Image.open(tmp_path / "out" / "0.png") as picture:
        face = largest_face(picture.convert("RGB"))
    assert face is not None, "a mean of aligned faces is a face"
    marks = face.landmarks
    for corner, place in zip((marks.right_eye_outer, marks.left_eye_outer), EYES, strict=True):
        assert abs(complex(*corner) - place) < 0.06 * WIDTH


def test_the_command_leaves_out_what_was_erased(tmp_path: Path) -> None:
    root = tmp_path / "snapshot"
    (root / "images").mkdir(parents=True)
    items = []
    for n in range(13):
        path = flat(root / "images", n, person=str(n)).path
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        items.append(
            {"path": f"images/{path.name}", "sha256": sha256, "label": "real", "submission": str(n)}
            | {"applicant": f"p{n}", "source": "app"}
        )
    (root / "manifest.json").write_text(json.dumps({"format": "kyc-review/snapshot/1", "items": items}))
    (root / items[0]["path"]).unlink()
    out = tmp_path / "out"
    assert main(["means", "--manifest", str(root / "manifest.json"), "--out", str(out)]) == 0
    (cell,) = json.loads((out / "cells.json").read_text())
    assert cell["people"] == 12
