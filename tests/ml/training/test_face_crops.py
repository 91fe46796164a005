from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detection.bundle import FACE, View
from detection.faces.default import largest_mesh
from detection.faces.examine import examine
from detection.views import crop
from ml.pictures import Picture, PictureStore, write_pictures
from ml.training.face_crops import CROP, crops, found_faces, within_crop
from ml.training.windows import Framing, cut, served_batch

SAMPLES = sorted((Path(__file__).parents[3] / "samples").glob("sample-*-genuine.jpg"))[:2]
VIEW = View(96, 0.6, frame=FACE)


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    return [np.asarray(Image.open(path).convert("RGB")) for path in SAMPLES]


@pytest.fixture(scope="module")
def points(photographs: list[np.ndarray]) -> np.ndarray:
    """(3, 468, 2): the mesh of each photograph, and of one that has none."""
    found = [largest_mesh(Image.fromarray(image)) for image in photographs]
    return np.stack([mesh[0] for mesh in found if mesh] + [np.zeros((468, 2), np.float32)])


def stored(folder: Path, photographs: list[np.ndarray], points: np.ndarray) -> PictureStore:
    """A photograph and its version with a red nose, a photograph whose face was painted over, and noise."""
    rows = []
    nose = photographs[0].copy()
    x, y = points[0, 4].round().astype(int)
    nose[y - 6 : y + 6, x - 6 : x + 6] = (255, 0, 0)
    mask = np.zeros(nose.shape[:2], np.uint8)
    mask[y - 6 : y + 6, x - 6 : x + 6] = 255
    flat = np.full_like(photographs[1], 120)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    for image, edited, photo in (
        (photographs[0], np.zeros_like(mask), 0),
        (nose, mask, 0),
        (flat, np.zeros(flat.shape[:2], np.uint8), 1),
        (noise, np.zeros((90, 90), np.uint8), 2),
    ):
        is_forged = bool(edited.any())
        rows.append(Picture(image, edited, is_forged, is_forged, True, photo, "k", "file", 0.5, 99.0))
    return write_pictures(folder, rows)


def test_a_view_of_a_stored_crop_is_what_serving_sees(
    tmp_path: Path, photographs: list[np.ndarray], points: np.ndarray
) -> None:
    store = stored(tmp_path / "whole", photographs, points)
    cropped = write_pictures(tmp_path / "crops", crops(store, points))
    place = examine(Image.fromarray(photographs[0])).frame
    assert place is not None
    served = crop(Image.fromarray(photographs[0]), VIEW, place)
    trained, _ = cut(cropped.image(0), within_crop(VIEW), Framing())
    # The crop is resized twice and serving's view once: equal but for the sharpness.
    assert np.abs(trained.astype(int) - served).mean() < 4
    shifted = np.roll(served, 8, axis=1)
    assert np.abs(trained.astype(int) - shifted).mean() > 8


def test_a_pair_is_cut_at_one_place_and_the_mask_lies_on_the_edit(
    tmp_path: Path, photographs: list[np.ndarray], points: np.ndarray
) -> None:
    store = stored(tmp_path / "whole", photographs, points)
    cropped = write_pictures(tmp_path / "crops", crops(store, points))
    assert len(cropped) == 3  # the noise has no mesh
    assert cropped.columns["photo"].tolist() == [0, 0, 1]
    assert cropped.image(0).shape == (CROP.side, CROP.side, 3)
    changed = np.abs(cropped.image(1).astype(int) - cropped.image(0)).max(2) > 40
    edited = cropped.mask(1).repeat(4, 0).repeat(4, 1) > 127
    assert changed[edited].mean() > 0.6
    assert changed[~edited].mean() < 0.01
    assert not cropped.mask(0).any()


def test_faces_are_found_in_each_picture_and_otherwise_where_the_photographs_was(
    tmp_path: Path, photographs: list[np.ndarray], points: np.ndarray
) -> None:
    store = write_pictures(
        tmp_path / "faces", list(first_three(stored(tmp_path / "whole", photographs, points)))
    )
    found = found_faces(store, points)
    assert found.guessed == 1
    assert found.places[0] == examine(Image.fromarray(photographs[0])).frame
    assert found.places[2].right_eye == tuple(points[1, 33].tolist())
    served = served_batch(store, np.array([0]), VIEW, found.places)
    assert served.shape == (1, 3, 96, 96)


def first_three(store: PictureStore) -> list[Picture]:
    """The first three pictures as they are: those of photographs with a mesh."""
    columns = store.columns
    return [
        Picture(
            store.image(row),
            np.zeros(store.image(row).shape[:2], np.uint8),
            int(columns["label"][row]),
            bool(columns["made"][row]),
            True,
            int(columns["photo"][row]),
            "k",
            "file",
            0.5,
            0.0,
        )
        for row in range(3)
    ]


def test_a_picture_without_a_face_and_without_a_mesh_is_refused(
    tmp_path: Path, photographs: list[np.ndarray], points: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="eye corners"):
        found_faces(stored(tmp_path, photographs, points), points)


@pytest.mark.parametrize("view", [View(96, 0.6), View(96, 0.9, frame=FACE), View(95, 0.6, frame=FACE)])
def test_a_view_that_no_crop_holds_is_refused(view: View) -> None:
    with pytest.raises(ValueError, match="cannot be cut from crops"):
        within_crop(view)
