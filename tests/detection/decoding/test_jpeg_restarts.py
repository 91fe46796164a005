"""JPEG with restart intervals: missing, exchanged and overwritten ones are noticed, whole ones are no damage."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from detection.decoding import Damage, decode, decode_with_facts, inspect
from detection.decoding.jpeg import parse
from detection.decoding.restarts import PIECES_MAX, RESTART, pieces
from tests.factories import phone_files as phone
from tests.factories.image_files import face, noisy

NOISY = noisy()


def restarting(**options: object) -> tuple[bytes, list[int]]:
    """A JPEG with restart markers in its only scan, and where they are."""
    data = phone.jpeg(NOISY, restart_marker_rows=1, **options)
    (scan,) = parse(data).scans
    return data, [found.start() for found in RESTART.finditer(data, scan.start, scan.end)]


def with_intervals_cut_to(size: int, *numbers: int) -> bytes:
    data, markers = restarting()
    for number in sorted(numbers, reverse=True):
        data = data[: markers[number] + 2 + size] + data[markers[number + 1] :]
    return data


def with_markers_exchanged(first: int, second: int) -> bytes:
    data, markers = restarting()
    changed = bytearray(data)
    one, other = markers[first] + 1, markers[second] + 1
    changed[one], changed[other] = changed[other], changed[one]
    return bytes(changed)


BAD_INTERVALS = {
    "one empty interval": (with_intervals_cut_to(0, 3), Damage.MISSING_PIXELS),
    "several empty intervals": (with_intervals_cut_to(0, 8, 9, 10, 11), Damage.MISSING_PIXELS),
    "intervals of four bytes": (with_intervals_cut_to(4, 5, 6), Damage.MISSING_PIXELS),
    "numbers out of their cycle": (with_markers_exchanged(4, 6), Damage.CORRUPT_DATA),
}


@pytest.mark.parametrize("name", BAD_INTERVALS)
def test_restart_intervals_without_their_data_are_damage(name: str) -> None:
    data, damage = BAD_INTERVALS[name]
    assert inspect(data).damage is damage
    assert decode_with_facts(data).damage is damage


RESTARTING = {
    "row by row": phone.jpeg(noisy(640, 480), restart_marker_rows=1),
    "every four units": phone.jpeg(noisy(640, 480), restart_marker_blocks=4),
    "optimised": phone.jpeg(noisy(640, 480), restart_marker_rows=2, optimize=True),
    "progressive": phone.jpeg(noisy(640, 480), restart_marker_rows=1, progressive=True),
    "grey": phone.jpeg(noisy(640, 480, "L"), restart_marker_rows=1),
}


def overwritten(data: bytes, size: int, source: random.Random) -> bytes:
    """`size` bytes of the first scan replaced by others, all markers kept."""
    scan = parse(data).scans[0]
    begin = source.randrange(scan.start, scan.end - size)
    kept = range(begin, begin + size)
    free = [at for at in kept if 0xFF not in data[at - 1 : at + 1]]
    changed = bytearray(data)
    for at in free:
        changed[at] = source.randrange(0, 255)
    return bytes(changed)


@pytest.mark.parametrize(("size", "least"), [(64, 40), (400, 49)])
@pytest.mark.parametrize("name", RESTARTING)
def test_overwritten_restart_intervals_are_noticed(name: str, size: int, least: int) -> None:
    """Huffman codes find their step again, so a few bytes may pass: measured 43 to 50 of 50, and 50 of 50."""
    source, data = random.Random(5), RESTARTING[name]
    assert inspect(data).damage is None
    noticed = [inspect(overwritten(data, size, source)).damage is not None for _ in range(50)]
    assert sum(noticed) >= least


def test_a_damaged_interval_leaves_the_others_as_they_are() -> None:
    data, markers = restarting()
    middle = bytearray(data)
    middle[markers[6] + 20 : markers[6] + 200] = bytes(180)
    found = decode_with_facts(bytes(middle))
    assert found.damage is Damage.CORRUPT_DATA
    whole = np.asarray(decode(data))
    same = (np.asarray(found.image) == whole).all(axis=(1, 2))
    assert same[: 7 * 16 - 2].all()
    assert same[8 * 16 + 2 :].all()
    assert not same.all()


@pytest.mark.parametrize("size", [11, 40])
def test_left_over_data_are_noticed(size: int) -> None:
    data, markers = restarting()
    left_over = bytes(range(1, size + 1))
    assert inspect(data[: markers[3]] + left_over + data[markers[3] :]).damage is Damage.CORRUPT_DATA
    for name, whole in RESTARTING.items():
        assert inspect(whole[:-2] + left_over + whole[-2:]).damage is Damage.CORRUPT_DATA, name


@pytest.mark.parametrize("filling", [b"\0" * 9, b"\xff", b"\xff" * 3])
def test_filling_before_a_restart_marker_is_no_damage(filling: bytes) -> None:
    data, markers = restarting()
    filled = data[: markers[3]] + filling + data[markers[3] :]
    assert inspect(filled).damage is None
    assert decode(filled).tobytes() == decode(data).tobytes()


def test_more_intervals_than_are_looked_at_one_by_one() -> None:
    picture = noisy(1600, 1200)
    data = phone.jpeg(picture, restart_marker_blocks=1)
    (scan,) = parse(data).scans
    assert len(RESTART.findall(data, scan.start, scan.end)) > 2 * PIECES_MAX
    parts = pieces(data, scan.start, scan.end)
    assert len(parts) <= PIECES_MAX + 1
    assert b"".join(parts) == data[scan.start : scan.end]
    assert inspect(data).damage is None
    assert decode(data).tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


@pytest.mark.parametrize("quality", [1, 90])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restarts", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 1}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_flat_restart_intervals_are_whole(
    mode: str, restarts: dict[str, int], progressive: bool, quality: int
) -> None:
    for subsampling in (0, 2):
        data = phone.jpeg(
            face(331, 203).convert(mode),
            quality=quality,
            optimize=True,
            progressive=progressive,
            subsampling=subsampling,
            **restarts,
        )
        assert inspect(data).damage is None
