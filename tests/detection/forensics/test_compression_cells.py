import io

import numpy as np
import pytest
from PIL import Image

from detection.decoding import decode
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import CELLS, GRID, VALUES, FileGrid, compression_cells, file_grid

EXIF_ORIENTATION = 0x112
# What turns an upright picture into the stored one of an orientation.
STORED = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def photograph(side: int = 320) -> Image.Image:
    """Grain, softer towards the right, so that all parts differ."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 1, (side, side)) * np.linspace(40, 5, side)
    grey = np.clip(128 + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey] * 3, 2))


def saved(picture: Image.Image, quality: int = 80, orientation: int = 1) -> bytes:
    turn = STORED[orientation]
    stored = picture if turn is None else picture.transpose(turn)
    exif, coded = Image.Exif(), io.BytesIO()
    exif[EXIF_ORIENTATION] = orientation
    stored.save(coded, "JPEG", quality=quality, exif=exif)
    return coded.getvalue()


def frame(size: tuple[int, int] = (320, 320)) -> FaceFrame:
    return FaceFrame((110.0, 140.0), (210.0, 140.0), *size)


def cells(data: bytes, place: FaceFrame | None = None) -> np.ndarray:
    picture = decode(data)
    grid = file_grid(data, picture.size)
    assert grid is not None
    found = compression_cells(picture, place or frame(), grid)
    assert found is not None
    return found


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_picture_that_its_file_turns_has_the_parts_of_the_upright_one(orientation: int) -> None:
    """Turning swaps rows and columns of the frequencies, so the numbers of blocks are what can be compared. 320 is a
    multiple of 8: the grids of both lie on each other."""
    upright, turned = cells(saved(photograph())), cells(saved(photograph(), orientation=orientation))
    np.testing.assert_allclose(turned[:, -1], upright[:, -1], atol=1e-5)
    if orientation == 3:  # half a turn leaves each frequency what it is
        assert np.abs(turned - upright).mean() < 0.02


def test_shares_of_each_frequency_add_up_to_one() -> None:
    found = cells(saved(photograph()))
    assert found.shape == (CELLS, VALUES)
    shares = np.exp(found[:, :-1]).reshape(CELLS, -1, 12).sum(2)
    np.testing.assert_allclose(shares, 1, atol=1e-4)


def test_only_the_part_that_was_moved_loses_the_first_quantisation() -> None:
    """Saved at 60, then a corner of the face is moved by half a pixel, then saved at 90: combs stay elsewhere."""
    first = np.asarray(decode(saved(photograph(), 60))).astype(np.float32)
    moved = first.copy()
    moved[100:140, 60:118] = (first[100:140, 60:118] + first[100:140, 61:119]) / 2
    before, after = (cells(saved(Image.fromarray(a.astype(np.uint8)), 90)) for a in (first, moved))
    change = np.abs(after - before)[:, :-1].mean(1)
    assert change[0] > 4 * np.median(change[1 : GRID * GRID])
    assert change[CELLS - 1] < 0.05


def test_a_face_of_few_blocks_says_nothing_and_one_that_fills_the_picture_does() -> None:
    data = saved(photograph())
    grid = FileGrid(np.full((8, 8), 4), 1)
    small = FaceFrame((150.0, 150.0), (165.0, 150.0), 320, 320)
    assert compression_cells(decode(data), small, grid) is None
    close = FaceFrame((40.0, 150.0), (280.0, 150.0), 320, 320)
    found = compression_cells(decode(data), close, grid)
    assert found is not None
    assert np.isfinite(found).all()
    assert found[-1, -1] == 0


def test_only_a_jpeg_at_its_own_size_has_a_grid() -> None:
    picture, coded = photograph(), io.BytesIO()
    picture.save(coded, "PNG")
    assert file_grid(coded.getvalue(), picture.size) is None
    assert file_grid(saved(picture), (160, 160)) is None
    wide = saved(picture.crop((0, 0, 320, 160)), orientation=6)
    assert file_grid(wide, (320, 160)) is not None
    assert file_grid(wide, (160, 320)) is None
