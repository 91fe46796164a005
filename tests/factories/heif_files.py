"""HEIC files that encoders rarely write: grids as an iPhone's, clean apertures of any form (ISO/IEC 23008-12)."""

import struct
from collections.abc import Sequence

from PIL import Image

from detection.decoding.boxes import boxes
from tests.factories.phone_files import box, heic

Fractions = Sequence[tuple[int, int]]


def full_box(kind: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def clap(width: int, height: int, x: tuple[int, int] = (0, 1), y: tuple[int, int] = (0, 1)) -> bytes:
    """A clean aperture; x and y are the offsets of its centre from the picture's, as fractions."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *x, *y))


def _inside(data: bytes, *path: bytes) -> tuple[int, int]:
    """Body and end of the box that a path of kinds leads to."""
    start, end = 0, len(data)
    for kind in path:
        found = next(one for one in boxes(data, start, end) if one.kind == kind)
        start, end = found.body + (4 if kind == b"meta" else 0), found.end
    return start, end


def _coded(tile: Image.Image) -> tuple[bytes, bytes]:
    """The HEVC configuration box and the data of a picture whose sides are multiples of 8."""
    data = heic(tile, save_nclx_profile=False, quality=95)
    start, end = _inside(data, b"meta", b"iprp", b"ipco")
    hvcc = next(data[one.start : one.end] for one in boxes(data, start, end) if one.kind == b"hvcC")
    body, end = _inside(data, b"mdat")
    return hvcc, data[body:end]


def grid(image: Image.Image, tile_side: int, *transforms: bytes, before_data: bytes = b"") -> bytes:
    """A HEIC grid of square tiles whose output is the picture's size; transforms: boxes such as `clap` and `irot`.

    As iPhones write it: the tiles are hidden items, the primary item is the grid, whose description lies in `idat`.
    before_data: further boxes in front of `mdat`.
    """
    columns, rows = -(-image.width // tile_side), -(-image.height // tile_side)
    canvas = image.transform((columns * tile_side, rows * tile_side), Image.Transform.EXTENT,
                             (0, 0, columns * tile_side, rows * tile_side))  # fmt: skip
    corners = [(column * tile_side, row * tile_side) for row in range(rows) for column in range(columns)]
    coded = [_coded(canvas.crop((x, y, x + tile_side, y + tile_side))) for x, y in corners]
    tiles, primary = [data for _, data in coded], len(coded) + 1
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *image.size)
    names = [full_box(b"infe", struct.pack(">HH4s", n, 0, b"hvc1") + b"\0", 2, 1) for n in range(1, primary)]
    names.append(full_box(b"infe", struct.pack(">HH4s", primary, 0, b"grid") + b"\0", 2))
    references = box(b"dimg", struct.pack(f">HH{len(tiles)}H", primary, len(tiles), *range(1, primary)))
    sizes = [full_box(b"ispe", struct.pack(">II", *size)) for size in ((tile_side, tile_side), image.size)]
    properties = [coded[0][0], *sizes, *transforms]
    own = [3, *(0x80 | n for n in range(4, 4 + len(transforms)))]
    wanted = b"".join(struct.pack(">HBBB", n, 2, 0x81, 2) for n in range(1, primary))
    wanted += struct.pack(f">HB{len(own)}B", primary, len(own), *own)
    ipma = full_box(b"ipma", struct.pack(">I", primary) + wanted)

    def meta(data_at: int) -> bytes:
        places = b""
        for number, tile in enumerate(tiles, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, data_at, len(tile))
            data_at += len(tile)
        places += struct.pack(">HHHHII", primary, 1, 0, 1, 0, len(layout))
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", primary))
            + full_box(b"iinf", struct.pack(">H", primary) + b"".join(names))
            + full_box(b"iref", references)
            + box(b"iprp", box(b"ipco", b"".join(properties)) + ipma)
            + full_box(b"iloc", struct.pack(">BBH", 0x44, 0, primary) + places, 1)
            + box(b"idat", layout),
        )

    brand = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    data_at = len(brand) + len(meta(0)) + len(before_data) + 8
    return brand + meta(data_at) + before_data + box(b"mdat", b"".join(tiles))


def with_clap(data: bytes, aperture: bytes) -> bytes:
    """The file with another `clap` in the place of its own."""
    start, end = _inside(data, b"meta", b"iprp", b"ipco")
    old = next(one for one in boxes(data, start, end) if one.kind == b"clap")
    return data[: old.start] + aperture + data[old.end :]
