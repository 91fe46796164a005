"""Made-up pictures are what they claim to be."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detection.faces.align import FaceFrame
from detection.faces.default import default_detector, largest_face
from detection.faces.measures import FacePixels
from ml.faces.pictures import blur_picture, paste, read_picture, scale_levels, side_by_side
from ml.faces.targets import DETECTION, Result, processor
from ml.sources import read_all

SAMPLES = sorted((Path(__file__).parents[3] / "samples").glob("*.jpg"))
DATA = Path("../shared/data")


@pytest.mark.parametrize("width", [120, 300])
@pytest.mark.parametrize("at", [(0.0, 0.0), (1.0, 1.0), (0.3, 0.6)])
def test_a_pasted_face_lies_where_its_record_says(width: float, at: tuple[float, float]) -> None:
    portrait = read_picture(SAMPLES[2])
    face = largest_face(portrait)
    assert face is not None
    made = paste(Image.new("RGB", (900, 1200), (90, 100, 110)), portrait, face, width, at)
    (found,) = default_detector().find(made.image)
    assert made.shows(found)
    assert not paste(made.image.copy(), portrait, face, width, (1 - at[0], 1.0 - at[1] / 2)).shows(found)


def test_levels_are_multiplied_and_cut_off_at_white() -> None:
    picture = Image.new("RGB", (2, 2), (10, 100, 200))
    assert scale_levels(picture, 2.0).getpixel((0, 0)) == (20, 200, 255)
    assert scale_levels(picture, 0.25).getpixel((1, 1)) == (2, 25, 50)


def test_more_blur_leaves_less_sharpness() -> None:
    portrait = read_picture(SAMPLES[2])
    face = largest_face(portrait)
    assert face is not None
    frame = FaceFrame.of(face, portrait.size)
    values = [
        FacePixels(blur_picture(portrait, face.landmarks.eye_distance, percent), frame).sharpness
        for percent in (0, 2, 4, 6)
    ]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5 * values[0]


def test_pictures_side_by_side_keep_their_pixels() -> None:
    row = side_by_side([Image.new("RGB", (3, 5), "red"), Image.new("RGB", (4, 2), "blue")])
    assert row.size == (7, 5)
    assert np.asarray(row)[4].tolist() == [[255, 0, 0]] * 3 + [[0, 0, 0]] * 4


def test_a_target_is_met_on_its_own_side() -> None:
    assert Result("found", 0.995, 0.995, True, "").met
    assert not Result("found", 0.99, 0.995, True, "").met
    assert Result("false", 0.01, 0.01, False, "").met
    assert not Result("false", 0.02, 0.01, False, "").met
    assert processor()


@pytest.mark.skipif(not DATA.is_dir(), reason="the research pictures are not here: ../shared/data")
@pytest.mark.parametrize("source", DETECTION)
def test_faces_of_every_source_are_found(source: str) -> None:
    photos = read_all(DATA, [source])[:: max(1, len(read_all(DATA, [source])) // 25)]
    found = [largest_face(read_picture(photo.path)) is not None for photo in photos]
    assert sum(found) >= len(found) - 1
