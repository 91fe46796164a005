"""Chunks of a PNG that are wrong, or that hold something else (PNG, third edition, 5 and 11)."""

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
# These decide what is shown: a wrong checksum of one of them is damage.
SHOWN = {*CRITICAL, b"tRNS", b"iCCP"}
BEFORE_ROWS = {b"PLTE", b"tRNS"}  # behind the rows, some programs ignore them and others do not
# Ancillary chunks of the standard and its registered extensions. caBX (C2PA) and eXIf may hold a thumbnail.
REGISTERED = set(
    b"acTL fcTL fdAT tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI tEXt zTXt iTXt bKGD hIST pHYs sPLT eXIf tIME "
    b"oFFs pCAL sCAL gIFg gIFx gIFt sTER dSIG caBX".split()
)
PICTURE_BEGINS = (
    b"\xff\xd8\xff",
    SIGNATURE,
    b"WEBPVP8",
    b"ftypheic",
    b"ftypheix",
    b"ftypmif1",
    b"ftypavif",
)


def is_wrong(data: bytes, kind: bytes, start: int, end: int) -> bool:
    """Whether data[start:end], a chunk's content, has a wrong checksum that matters or is of an unknown critical kind.

    Programs must not show a picture with an unknown critical chunk (5.4); we do not know what it changes.
    """
    if kind[:1].isupper() and kind not in CRITICAL:
        return True
    checksum = data[end : end + 4]
    if kind not in SHOWN or len(checksum) < 4:  # a file that is cut is noticed as such
        return False
    return zlib.crc32(memoryview(data)[start - 4 : end]) != int.from_bytes(checksum)


def hides_a_picture(data: bytes, kind: bytes, start: int, end: int) -> bool:
    """Whether the content of a private chunk, which no program shows, holds the beginning of another picture."""
    if kind in CRITICAL | REGISTERED:
        return False
    return any(data.find(word, start, end) >= 0 for word in PICTURE_BEGINS)
