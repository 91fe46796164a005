"""A picture and the reduced copy that the detector and the checks share."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from detection.faces.examine import examine
from detection.faces.measures import content
from detection.faces.picture import Picture
from tests.factories.scenes import sample, wall


def test_a_large_picture_is_reduced_once_for_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reducing the whole of a large picture takes longer than a look at it."""
    image = sample(0).resize((2400, 3000))
    reduced, own = [], Image.Image.reduce

    def counted(picture: Image.Image, *args: Any, **options: Any) -> Image.Image:
        reduced.append((picture is image, options.get("box") or (args[1:] or [None])[0]))
        return own(picture, *args, **options)

    monkeypatch.setattr(Image.Image, "reduce", counted)
    assert examine(image).faces
    assert [box for of_whole, box in reduced if of_whole and box is None] == [None]


def test_content_is_the_same_in_every_decoding() -> None:
    image = wall(3000, 2400)
    large, small = (
        content(Picture(picture)) for picture in (image, image.resize((600, 480), Image.Resampling.BOX))
    )
    assert large == pytest.approx(small, abs=1.5)


def test_a_covered_picture_leaves_the_original_as_it_was() -> None:
    image = Image.new("RGB", (50, 40), (10, 20, 30))
    picture = Picture.of(image)
    assert Picture.of(picture) is picture
    covered = picture.covering([np.array([(10, 10), (40, 10), (40, 30), (10, 30)])])
    assert (covered.image, picture.image) == (image, image)
    assert image.getcolors() == [(2000, (10, 20, 30))]
