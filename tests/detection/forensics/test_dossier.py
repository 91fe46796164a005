import io

import numpy as np
import pytest
from PIL import Image

from detection.forensics import dossier
from detection.forensics.dossier import examine
from detection.forensics.srm import LIMIT, srm
from tests.factories.photographs import photograph, saved


def opened(made: dossier.Dossier, name: str) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[name][0]))


def test_every_view_of_a_turned_jpeg_lies_on_its_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Jane Doe"
    made = examine(saved(photograph().crop((0, 0, 320, 200)), 90, exif=exif))
    assert made.failed == {}
    assert set(made.pictures) == {"ela-70", "ela-80", "ela-90", "ela-95", "noise"}
    assert {opened(made, name).size for name in made.pictures} == {(200, 320)}
    assert not any(b"Jane" in content for content, _ in made.pictures.values())


def test_error_levels_of_a_png_are_not_applicable() -> None:
    buffer = io.BytesIO()
    photograph().save(buffer, "PNG")
    made = examine(buffer.getvalue())
    assert "not a JPEG" in made.facts["ela"]["objection"]
    assert not any(name.startswith("ela") for name in made.pictures)


def test_a_picture_saved_again_as_a_whole_carries_an_objection_and_its_levels() -> None:
    again = Image.open(io.BytesIO(saved(photograph(), 65)))
    made = examine(saved(again, 92))
    assert "saved again" in made.facts["ela"]["objection"]
    assert made.facts["ela"]["qualities"] == [70, 80, 90, 95]


def test_a_part_that_fails_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(dossier, "ela", fail)
    made = examine(saved(photograph(), 90))
    assert made.failed == {"ela": "RuntimeError: no memory"}
    assert "noise" in made.pictures
    assert "compression" in made.facts


def test_noise_in_strips_equals_noise_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dossier, "SRM_ROWS", 64)
    picture = photograph()
    made = dossier.Dossier(fingerprint=dossier.fingerprint(picture))
    monkeypatch.setattr(dossier, "_jpeg", lambda image, size, quality=90: (image.tobytes(), "raw"))
    dossier._noise(made, picture, picture.size)
    whole = np.rint((srm(picture).mean(2) + LIMIT) * (255 / (2 * LIMIT))).astype(np.uint8)
    strips = np.frombuffer(made.pictures["noise"][0], np.uint8).reshape(whole.shape)
    # Rounding may differ where a strip sums in another order.
    assert np.abs(strips.astype(int) - whole).max() <= 1


def test_a_large_picture_gets_a_close_one_beside_its_reduced_views() -> None:
    made = examine(saved(photograph().resize((2000, 1500)), 90))
    assert opened(made, "close").size == (2000, 1500)
    assert opened(made, "noise").size == (1600, 1200)


def test_others_may_go_first_before_each_part() -> None:
    asked: list[int] = []
    examine(saved(photograph(), 90), between=lambda: asked.append(1))
    assert len(asked) == 6, "metadata, compression, regions, ela, noise, close"
