import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageOps

from detection.forensics import dossier, noise
from detection.forensics.catalogue import FORENSIC_VIEWS, ForensicView
from detection.forensics.dossier import dossier_compute
from detection.forensics.srm import LIMIT, srm
from tests.factories.photographs import photograph, saved

DRAWN = [view.name for view in FORENSIC_VIEWS if view.module]  # the others take more than a picture


def opened(made: dossier.Dossier, name: str) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[name][0]))


def test_every_view_of_a_turned_jpeg_lies_on_its_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Jane Doe"
    made = dossier_compute(saved(photograph().crop((0, 0, 320, 200)), 90, exif=exif))
    assert made.failed == {}
    assert set(made.pictures) == {"ela-70", "ela-80", "ela-90", "ela-95", *DRAWN}
    assert {opened(made, name).size for name in made.pictures} == {(200, 320)}
    assert not any(b"Jane" in content for content, _ in made.pictures.values())


def test_error_levels_of_a_png_are_not_applicable() -> None:
    buffer = io.BytesIO()
    photograph().save(buffer, "PNG")
    made = dossier_compute(buffer.getvalue())
    assert "not a JPEG" in made.facts["ela"]["objection"]
    assert not any(name.startswith("ela") for name in made.pictures)


def test_a_picture_saved_again_as_a_whole_carries_an_objection_and_its_levels() -> None:
    again = Image.open(io.BytesIO(saved(photograph(), 65)))
    made = dossier_compute(saved(again, 92))
    assert "saved again" in made.facts["ela"]["objection"]
    assert made.facts["ela"]["qualities"] == [70, 80, 90, 95]


def test_a_part_that_fails_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(dossier, "ela", fail)
    made = dossier_compute(saved(photograph(), 90))
    assert made.failed == {"ela": "RuntimeError: no memory"}
    assert "noise" in made.pictures
    assert "compression" in made.facts


def test_noise_in_strips_equals_noise_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "SRM_ROWS", 64)
    picture = photograph()
    whole = np.rint((srm(picture).mean(2) + LIMIT) * (255 / (2 * LIMIT))).astype(np.uint8)
    # Rounding may differ where a strip sums in another order.
    assert np.abs(np.asarray(noise.draw(picture)).astype(int) - whole).max() <= 1


def test_a_view_needs_a_module_and_an_entry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("detection.forensics.negative")
    module.draw = ImageOps.invert  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    view = ForensicView("negative", "Negative", "q", "Light is dark.", module="negative")
    monkeypatch.setattr(dossier, "FORENSIC_VIEWS", (*FORENSIC_VIEWS, view))
    made = dossier_compute(saved(Image.new("RGB", (64, 48), (250, 250, 250)), 95))
    picture = Image.open(io.BytesIO(made.pictures["negative"][0]))
    assert picture.size == (64, 48)
    assert np.asarray(picture).max() < 20


def test_a_large_picture_gets_a_close_one_beside_its_reduced_views() -> None:
    made = dossier_compute(saved(photograph().resize((2000, 1500)), 90))
    assert opened(made, "close").size == (2000, 1500)
    assert opened(made, "noise").size == (1600, 1200)


def test_others_may_go_first_before_each_part() -> None:
    asked: list[int] = []
    dossier_compute(saved(photograph(), 90), between=lambda: asked.append(1))
    parts = ["metadata", "compression", "regions", "ela", *DRAWN, "copies", "ghosts", "close"]
    assert len(asked) == len(parts)
