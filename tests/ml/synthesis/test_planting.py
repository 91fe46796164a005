"""Forgeries of whole pictures: the face is edited, the rest and the file stay."""

import datetime as dt
import io

import numpy as np
import pytest
from PIL import Image

from detection.decoding import decode
from detection.faces.default import largest_mesh
from ml.synthesis import planting
from ml.synthesis.planting import NotForgeable, forge_like
from tests.factories.pictures import jpeg_bytes
from tests.factories.portraits import portrait_bytes

NOW = dt.timedelta(0)


@pytest.mark.parametrize(("way", "donors"), [("mesh", 2), ("warp", 0)])
def test_a_forgery_changes_the_face_and_nothing_else(
    way: str, donors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planting, "SHARES", {way: 1.0})
    original = portrait_bytes(3)
    made = forge_like(
        original, [portrait_bytes(4 + k) for k in range(donors)], np.random.default_rng(1), later=NOW
    )
    assert made.way == way
    assert 0.3 <= made.difficulty <= 1
    before, after = (np.asarray(decode(data)).astype(int) for data in (original, made.content))
    changed = np.abs(after - before).max(-1) > 12
    found = largest_mesh(decode(original))
    assert found is not None
    assert changed.sum() > 50
    points, _ = found
    rows, columns = np.nonzero(changed)
    margin = 0.25 * np.ptp(points[:, 0])
    inside = (columns > points[:, 0].min() - margin) & (columns < points[:, 0].max() + margin)
    inside &= (rows > points[:, 1].min() - margin) & (rows < points[:, 1].max() + margin)
    assert inside.mean() > 0.97
    tables = [Image.open(io.BytesIO(data)).quantization for data in (original, made.content)]  # type: ignore[attr-defined]
    assert tables[0] == tables[1]


def test_what_needs_a_donor_is_not_drawn_without_one() -> None:
    ways = {forge_like(portrait_bytes(1), [], np.random.default_rng(k), later=NOW).way for k in (3, 6, 8)}
    assert ways
    assert not ways & planting.NEED_DONOR


def test_an_edit_that_cannot_be_seen_is_no_forgery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "STRENGTH_MIN", 200.0)
    with pytest.raises(NotForgeable, match="cannot be seen"):
        forge_like(portrait_bytes(1), [], np.random.default_rng(0), later=NOW)


def test_a_picture_without_a_face_cannot_be_forged() -> None:
    with pytest.raises(NotForgeable, match="no face"):
        forge_like(jpeg_bytes(), [], np.random.default_rng(0), later=NOW)
