from pathlib import Path

import pytest
from PIL import Image

from detection.faces.default import default_detector
from detection.forensics import regions

SAMPLES = sorted((Path(__file__).parents[3] / "samples").glob("*.jpg"))


@pytest.mark.parametrize("path", SAMPLES[:3], ids=lambda path: path.stem)
def test_eyes_lie_above_the_nose_above_the_mouth_inside_the_face(path: Path) -> None:
    picture = Image.open(path).convert("RGB")
    boxes = regions.close_ups(default_detector().find(picture), picture.size)
    middle = {name: y + height / 2 for name, (_, y, _, height) in boxes.items()}
    assert middle["eyes"] < middle["nose"] < middle["mouth"]
    left, top, width, height = boxes["face"]
    for x, y, w, h in boxes.values():
        assert left - 1e-3 <= x
        assert x + w <= left + width + 1e-3
        assert top - 0.05 <= y
        assert y + h <= top + height + 0.05
        assert 0 <= x <= 1
        assert 0 <= y <= 1


def test_a_picture_without_a_face_has_no_boxes() -> None:
    assert regions.close_ups([], (200, 100)) == {}
