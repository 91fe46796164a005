import io

import pytest
from PIL import Image

from detection.forensics import jpeg
from tests.factories.photographs import photograph, saved


@pytest.mark.parametrize("quality", [50, 75, 90, 95])
def test_the_quality_of_a_standard_file_is_found_exactly(quality: int) -> None:
    found = jpeg.read(saved(photograph(), quality))
    assert (found.quality, found.is_standard, found.subsampling) == (quality, True, "4:2:0")


def test_tables_of_another_encoder_are_said_to_be_no_standard() -> None:
    table = [16 + position for position in range(64)]
    found = jpeg.read(saved(photograph(), 90, qtables=[table, table]))
    assert not found.is_standard


@pytest.mark.parametrize(("first", "last"), [(60, 80), (70, 90), (75, 95)])
def test_an_earlier_compression_shows_with_its_quality(first: int, last: int) -> None:
    again = Image.open(io.BytesIO(saved(photograph(), first)))
    found = jpeg.read(saved(again, last)).earlier_quality
    assert found is not None
    assert abs(found - first) <= 3


@pytest.mark.parametrize("quality", [70, 80, 90, 95])
def test_a_file_saved_once_shows_none(quality: int) -> None:
    assert [jpeg.read(saved(photograph(seed), quality)).earlier_quality for seed in range(3)] == [None] * 3


def test_a_turned_file_is_read_on_its_stored_grid() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    again = Image.open(io.BytesIO(saved(photograph().crop((0, 0, 316, 300)), 70)))
    assert jpeg.read(saved(again, 92, exif=exif)).earlier_quality is not None


def test_subsampling_and_progression_are_named() -> None:
    found = jpeg.read(saved(photograph(), 90, subsampling=0, progressive=True))
    assert (found.subsampling, found.is_progressive) == ("4:4:4", True)


def test_a_png_has_no_tables() -> None:
    buffer = io.BytesIO()
    photograph().save(buffer, "PNG")
    with pytest.raises(ValueError, match="not to PNG"):
        jpeg.read(buffer.getvalue())
