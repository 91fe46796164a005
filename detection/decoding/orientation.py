"""The orientation tag, read without trusting anything else in the metadata.

EXIF 2.32 section 4.6.2 (TIFF 6.0) and the property tiff:Orientation of XMP, which counts where EXIF has none.
"""

import re
import struct

from PIL import Image

ORIENTATION_TAG = 0x0112
SHORT, LONG = 3, 4
ENTRIES_MAX = 1000
XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
XMP_MAX = 1_000_000
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BACK = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


def orientation_from(exif: bytes, xmp: bytes) -> int:
    """1 to 8; 1 where neither says so or both are unreadable."""
    return _of_exif(exif) or _of_xmp(xmp) or 1


def _of_exif(exif: bytes) -> int | None:
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for number in range(min(count, ENTRIES_MAX)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHI4s", tiff, directory + 2 + 12 * number)
            if tag == ORIENTATION_TAG and kind in (SHORT, LONG):
                (found,) = struct.unpack_from(f"{order}{'H' if kind == SHORT else 'I'}", value)
                return int(found) if 1 <= found <= 8 else None
    except struct.error:  # an offset that points outside the file
        return None
    return None


def _of_xmp(xmp: bytes) -> int | None:
    found = XMP_ORIENTATION.search(xmp[:XMP_MAX])
    return int(found.group(1)) if found else None


def as_stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Undo the turn of `decode`: the grid of a JPEG's blocks starts at the stored picture's corner."""
    turn = UPRIGHT.get(orientation)
    return upright if turn is None else upright.transpose(BACK.get(turn, turn))
