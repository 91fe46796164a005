from pathlib import Path

import pytest
from PIL import Image

from detection.forensics import regions
from detection.forensics.facemesh import MeshUnavailable, model_path

SAMPLES = sorted((Path(__file__).parents[3] / "samples").glob("*.jpg"))


def has_mesh() -> bool:
    try:
        return model_path().exists()
    except MeshUnavailable:
        return False


@pytest.mark.skipif(not has_mesh(), reason="the face mesh is not installed")
@pytest.mark.parametrize("path", SAMPLES[:3], ids=lambda path: path.stem)
def test_eyes_lie_above_the_nose_above_the_mouth_inside_the_face(path: Path) -> None:
    boxes = regions.close_ups(Image.open(path).convert("RGB"))
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


@pytest.mark.skipif(not has_mesh(), reason="the face mesh is not installed")
def test_a_picture_without_a_face_has_no_boxes() -> None:
    assert regions.close_ups(Image.linear_gradient("L").convert("RGB")) == {}
