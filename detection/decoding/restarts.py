"""Restart intervals of a JPEG scan (ITU-T T.81, A.2, B.2.4.4 and E.1.4): their number, their order and least size.

libjpeg fills what is missing in an interval with grey and only warns, and Pillow drops the warning.
"""

import re
from itertools import pairwise
from typing import Protocol

from detection.decoding.facts import Damage

RESTART = re.compile(rb"\xff[\xd0-\xd7]")
CYCLE = 8
# Of a scan with more intervals than this, several are fed to the decoder together, so that looking at each one costs a
# small part of decoding.
PIECES_MAX = 2000


class Frame(Protocol):
    """What of the frame tells how many units an interval has; `sampling` is (horizontal, vertical) by component."""

    width: int
    height: int
    is_progressive: bool
    is_arithmetic: bool
    restart_interval: int
    sampling: dict[int, tuple[int, int]]


class ScanData(Protocol):
    """The entropy-coded data of a scan are data[start:end]."""

    start: int
    end: int


def restart_damage(data: bytes, frame: Frame, scan: ScanData, header: bytes) -> Damage | None:
    """The damage that the restart markers of one scan show; `header` is the content of its SOS segment."""
    units, blocks = _units(frame, header)
    interval = frame.restart_interval
    left_bits = units * (least := _least_bits(frame, header, blocks))
    needed, found, begin = -(-units // interval) - 1, 0, scan.start
    for marker in RESTART.finditer(data, scan.start, scan.end):
        if data[marker.start() + 1] & 7 != found % CYCLE:
            return Damage.CORRUPT_DATA
        if found < needed and not _is_long_enough(marker.start() - begin, interval * least):
            return Damage.MISSING_PIXELS
        found, begin, left_bits = found + 1, marker.end(), left_bits - interval * least
    if found < needed or not _is_long_enough(scan.end - begin, left_bits):
        return Damage.MISSING_PIXELS
    return None


def pieces(data: bytes, start: int, end: int) -> list[bytes]:
    """data[start:end] cut before restart markers; the parts together are the whole."""
    markers = [marker.start() for marker in RESTART.finditer(data, start, end)]
    step = 1 + len(markers) // PIECES_MAX
    cuts = [start, *markers[step - 1 :: step], end]
    return [data[begin:stop] for begin, stop in pairwise(cuts)]


def _units(frame: Frame, header: bytes) -> tuple[int, int]:
    """The number of units (MCU) of a scan, and of blocks in each."""
    count = header[0]
    chosen = [frame.sampling.get(header[1 + 2 * number], (1, 1)) for number in range(count)]
    widest = max(horizontal for horizontal, _ in frame.sampling.values())
    tallest = max(vertical for _, vertical in frame.sampling.values())
    if count == 1:
        columns = -(-frame.width * chosen[0][0] // (8 * widest))
        rows = -(-frame.height * chosen[0][1] // (8 * tallest))
        return columns * rows, 1
    columns, rows = -(-frame.width // (8 * widest)), -(-frame.height // (8 * tallest))
    return columns * rows, sum(horizontal * vertical for horizontal, vertical in chosen)


def _least_bits(frame: Frame, header: bytes, blocks: int) -> int:
    """The fewest bits that a unit can take: no Huffman code is shorter than one bit.

    A sequential block has at least a DC code and an end of block. Of a progressive picture only the DC scans write
    every block; a run of empty ones is a few bits otherwise. Arithmetic coding has no such bound.
    """
    if frame.is_arithmetic:
        return 0
    if frame.is_progressive:
        first_coefficient = header[1 + 2 * header[0]]
        return blocks if first_coefficient == 0 else 0
    return 2 * blocks


def _is_long_enough(size: int, least_bits: int) -> bool:
    return size * 8 >= least_bits
