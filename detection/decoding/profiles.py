"""ICC profiles made from the colour codes of HEIC and AVIF (ITU-T H.273), for files that carry codes only.

An ICC profile of version 4 (ICC.1:2010) with three matrix columns and one parametric curve is all that they need.
"""

import struct
from functools import cache

# H.273 table 2: colour primaries -> columns X, Y, Z for red, green and blue, adapted to D50 (Bradford).
DISPLAY_P3, BT_2020 = 12, 9
COLUMNS: dict[int, tuple[tuple[float, float, float], ...]] = {
    DISPLAY_P3: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    BT_2020: ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686)),
}
# H.273 table 3: BT.709, unspecified, BT.601, sRGB, BT.2020. Viewers show all of them with the curve of sRGB. The two
# curves for high dynamic range (16, 18) need tone mapping and are left as they are.
LIKE_SRGB = {1, 2, 6, 13, 14, 15}
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
D50 = (0.9642, 1.0, 0.8249)


@cache
def profile_of_codes(primaries: int, transfer: int) -> bytes:
    """The profile for these codes; empty where the picture is sRGB already or cannot be converted."""
    if primaries not in COLUMNS or transfer not in LIKE_SRGB:
        return b""
    tags = {b"wtpt": _xyz(D50), b"cprt": _text("none"), b"desc": _text("from codes")}
    tags |= {
        name: _xyz(column)
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), COLUMNS[primaries], strict=True)
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve())
    return _profile(tags)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(value: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, value))


def _curve() -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + b"".join(map(_fixed, SRGB_CURVE))


def _text(text: str) -> bytes:
    raw = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(raw), 28) + raw


def _profile(tags: dict[bytes, bytes]) -> bytes:
    directory, body = struct.pack(">I", len(tags)), b""
    first = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, first + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s12s4s", first + len(body), b"\0" * 4, 0x04300000, b"mntr", b"RGB ", b"XYZ ",
                         b"\0" * 12, b"acsp")  # fmt: skip
    return header.ljust(68, b"\0") + b"".join(map(_fixed, D50)) + b"\0" * 48 + directory + body
