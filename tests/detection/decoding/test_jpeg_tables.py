"""The luminance table of a JPEG, which tells how its pixels were compressed."""

import io

import pytest
from PIL import Image

from detection.decoding import jpeg_grid


@pytest.mark.parametrize("quality", [5, 50, 75, 92, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_luminance_table_is_the_one_that_pillow_reads(quality: int, progressive: bool) -> None:
    data = io.BytesIO()
    Image.new("RGB", (48, 40), (200, 120, 90)).save(data, "JPEG", quality=quality, progressive=progressive)
    found = jpeg_grid(data.getvalue())
    assert found is not None
    table, orientation, size = found
    with Image.open(data) as image:
        assert table == tuple(getattr(image, "quantization")[0])  # noqa: B009  # Pillow's stubs lack it
    assert (orientation, size) == (1, (48, 40))


def test_a_picture_of_another_format_has_no_luminance_table() -> None:
    data = io.BytesIO()
    Image.new("RGB", (48, 40)).save(data, "PNG")
    assert jpeg_grid(data.getvalue()) is None


def quantisation_segment(value: int) -> bytes:
    return b"\xff\xdb" + (67).to_bytes(2) + b"\x00" + bytes([value]) * 64


def test_a_table_behind_the_scan_changes_nothing_and_of_those_before_it_the_last_counts() -> None:
    """The decoder has used the earlier one: 69 bytes more must not hide how a picture was compressed."""
    data = io.BytesIO()
    Image.new("RGB", (48, 40), (200, 120, 90)).save(data, "JPEG", quality=80)
    coded = data.getvalue()
    whole = jpeg_grid(coded)
    assert whole is not None
    for value in (0, 1):
        assert jpeg_grid(coded[:-2] + quantisation_segment(value) + coded[-2:]) == whole
    repeated = jpeg_grid(coded[:2] + quantisation_segment(7) * 500 + coded[2:])
    assert repeated == whole, "its own table stands behind those"
    start = coded.index(b"\xff\xda")
    replaced = jpeg_grid(coded[:start] + quantisation_segment(7) + coded[start:])
    assert replaced is not None
    assert set(replaced[0]) == {7}
