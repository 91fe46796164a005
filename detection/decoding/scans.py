"""Feeding libjpeg one scan at a time, so that missing or left-over data are noticed.

libjpeg fills what is missing with grey and only warns, and Pillow drops the warning. But its source may pause. While a
scan (or a restart interval of it) still wants data, libjpeg reads ahead until it has 57 bits or more, so of single
bytes at most every third is taken at once and the others are held back. Once all blocks are there, it looks for a
marker and takes every byte. So two single bytes tell the two states apart, and a few bytes of padding behind the data
tell whether they were complete.
"""

from collections.abc import Sequence

from PIL import Image

from detection.decoding.facts import Damage

# What libjpeg may want to read ahead behind complete data: 57 bits, of which the data have at least one. One-bits are
# no valid Huffman code, so this ends nothing that lacks more than a block or two.
PADDING = b"\xff\x00" * 7
PROBE_BYTES = 2
FILLING = {0x00, 0xFF}  # what some cameras leave before a marker
EARLIEST_BYTES = 64  # a first scan shorter than this shows nothing
UNTOUCHED = (1, 254, 3, 251)  # what the picture holds before it is decoded


class NothingDecoded(Exception):
    """No row of the picture can be seen."""


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
    opened: Image.Image, scans: Sequence[tuple[bytes, Sequence[bytes]]], *, is_only: bool
) -> tuple[Image.Image, Damage | None]:
    """The pixels of an opened JPEG, given as pairs of what precedes a scan's data and the pieces of these data.

    A scan has one piece, or several of which each after the first begins with the restart marker before it.

    `is_only`: one scan holds the whole picture, and rows appear while it is read. Raises NothingDecoded.
    """
    decoder = _Decoder(opened)
    damage: Damage | None = None
    for head, pieces in scans:
        decoder.feed(head)
        for piece in pieces[:-1]:
            damage = _feed_interval(decoder, piece) or damage
        damage = _feed_last(decoder, pieces[-1], is_only=is_only) or damage
        if decoder.is_done:
            break
    decoder.feed(b"\xff\xd9" * 2)
    if not decoder.is_done or decoder.has_failed:
        damage = damage or Damage.CORRUPT_DATA
    if damage and (sum(map(len, scans[0][1])) < EARLIEST_BYTES or decoder.is_untouched):
        raise NothingDecoded
    return decoder.picture, damage


def _feed_interval(decoder: _Decoder, data: bytes) -> Damage | None:
    """Feed what lies before a restart marker. Padding behind it changes no pixel of a complete interval."""
    has_left_over = _feed_to_its_end(decoder, data)
    decoder.feed(PADDING)
    is_complete = decoder.takes_everything(bytes(PROBE_BYTES))
    return Damage.CORRUPT_DATA if has_left_over or not is_complete else None


def _feed_last(decoder: _Decoder, data: bytes, *, is_only: bool) -> Damage | None:
    has_left_over = _feed_to_its_end(decoder, data)
    if decoder.has_failed or has_left_over:
        return Damage.CORRUPT_DATA
    if decoder.is_done:
        return None
    decoder.feed(PADDING)
    if decoder.is_done:
        return Damage.CORRUPT_DATA if decoder.has_failed else None
    # While it looks for a restart marker, libjpeg takes every byte, too: an only scan must be finished instead.
    return Damage.ENDS_EARLY if is_only or not decoder.takes_everything(bytes(PROBE_BYTES)) else None


def _feed_to_its_end(decoder: _Decoder, data: bytes) -> bool:
    """Whether the blocks were complete before these data ended, so that some were left over."""
    tail = data[-PROBE_BYTES:]
    if FILLING.issuperset(tail):
        decoder.feed(data)
        return False
    decoder.feed(data[:-PROBE_BYTES])
    return decoder.takes_everything(tail)


def _untouched(mode: str) -> int | tuple[int, ...]:
    bands = Image.getmodebands(mode)
    return UNTOUCHED[0] if bands == 1 else UNTOUCHED[:bands]
