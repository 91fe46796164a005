"""Feeding libjpeg one scan at a time, so that missing or left-over data are noticed.

libjpeg fills what is missing with grey and only warns, and Pillow drops the warning. But its source may pause: while
a scan still wants data, single bytes are held back until there are enough of them for the next block; once the scan
has all its blocks, libjpeg looks for a marker and takes every byte at once. So a few bytes of padding after a scan's
own data tell whether it was complete.
"""

from collections.abc import Sequence

from PIL import Image

from detection.decoding.facts import Damage

# One-bits are no valid Huffman code, so this ends no scan that lacks more than a block or two. libjpeg reads ahead
# by at most eight bytes.
PADDING = b"\xff\x00" * 8
PROBES = 12
LEFT_OVER_BYTES = 64
EARLIEST_BYTES = 64  # a first scan shorter than this shows nothing
UNTOUCHED = (1, 254, 3, 251)  # what the picture holds before it is decoded


class NothingDecoded(Exception):
    """Not one row of the picture can be seen."""


class _Decoder:
    """Pillow's incremental JPEG decoder for an opened file."""

    def __init__(self, opened: Image.Image) -> None:
        mode, (tile,) = opened.mode, opened.tile  # type: ignore[attr-defined]
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        config = opened.decoderconfig  # type: ignore[attr-defined]
        self.picture = Image.new(mode, opened.size, _untouched(mode))
        self._decoder = Image._getdecoder(mode, "jpeg", arguments, config)
        self._decoder.setimage(self.picture.im, tile[1])
        self._held = b""
        self.is_done = self.has_failed = False

    def feed(self, data: bytes) -> int:
        """How many bytes are held back until more arrive."""
        if self.is_done:
            return 0
        data = self._held + data if self._held else data
        taken, error = self._decoder.decode(data)
        self.is_done, self.has_failed = taken < 0, error < 0
        self._held = b"" if self.is_done else data[taken:]
        return len(self._held)

    @property
    def is_untouched(self) -> bool:
        """Whether the first row was never written."""
        colours = self.picture.crop((0, 0, self.picture.width, 1)).getcolors(1)
        return colours is not None and colours[0][1] == _untouched(self.picture.mode)

    def takes_everything(self, data: bytes) -> bool:
        """Whether none of `data`, given byte by byte, is held back: then the scan before it is complete."""
        held = [self.feed(data[at : at + 1]) for at in range(len(data))]
        return not any(held)


def decode_scans(
    opened: Image.Image, scans: Sequence[tuple[bytes, bytes]], *, is_only: bool
) -> tuple[Image.Image, Damage | None]:
    """The pixels of an opened JPEG, given as pairs of what precedes a scan's data and these data.

    `is_only`: one scan holds the whole picture, and rows appear while it is read. Raises NothingDecoded.
    """
    decoder = _Decoder(opened)
    damage: Damage | None = None
    for head, data in scans:
        damage = _feed_scan(decoder, head, data, is_only=is_only) or damage
        if decoder.is_done:
            break
    decoder.feed(b"\xff\xd9" * 2)
    if not decoder.is_done or decoder.has_failed:
        damage = damage or Damage.CORRUPT_DATA
    if damage and (len(scans[0][1]) < EARLIEST_BYTES or decoder.is_untouched):
        raise NothingDecoded
    return decoder.picture, damage


def _feed_scan(decoder: _Decoder, head: bytes, data: bytes, *, is_only: bool) -> Damage | None:
    body, tail = data[:-LEFT_OVER_BYTES], data[-LEFT_OVER_BYTES:]
    has_left_over = False
    if len(tail) == LEFT_OVER_BYTES and tail.strip(b"\0"):
        decoder.feed(head + body)
        probe, tail = tail[:PROBES], tail[PROBES:]
        has_left_over = decoder.takes_everything(probe)
        decoder.feed(tail)
    else:
        decoder.feed(head + data)
    if decoder.has_failed or has_left_over:
        return Damage.CORRUPT_DATA
    if decoder.is_done:
        return None
    decoder.feed(PADDING)
    if decoder.is_done:
        return Damage.CORRUPT_DATA if decoder.has_failed else None
    # While it looks for a restart marker, libjpeg takes every byte, too: an only scan must be finished instead.
    return Damage.ENDS_EARLY if is_only or not decoder.takes_everything(bytes(PROBES)) else None


def _untouched(mode: str) -> int | tuple[int, ...]:
    bands = Image.getmodebands(mode)
    return UNTOUCHED[0] if bands == 1 else UNTOUCHED[:bands]
