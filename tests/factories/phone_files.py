"""Files laid out as phones and cameras lay them out, built after the descriptions of the formats."""

import io
import struct
from collections.abc import Sequence

import pillow_heif
from PIL import Image

CONTAINER_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    'xmlns:Container="http://ns.google.com/photos/1.0/container/"><Container:Directory><rdf:Seq>'
    '<rdf:li><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"/></rdf:li>'
    "</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
)
GAIN_MAP_XMP = '<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:GainMapMax="1.5"/>'
APPLE_GAIN_MAP_XMP = (
    '<rdf:Description xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" '
    'HDRGainMap:HDRGainMapVersion="65536"/>'
)
MOTION_XMP = (
    '<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"/>'
)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **({"quality": 90} | options))
    return buffer.getvalue()


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with one more segment after its first two bytes."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


def with_xmp(data: bytes, xmp: str) -> bytes:
    return with_segment(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode())


def with_mpf(first: bytes, others: Sequence[bytes], *, order: str = ">") -> bytes:
    """CIPA DC-007: the first picture with an index of all of them, and the others behind it."""
    count = 1 + len(others)
    entries_at = 8 + 2 + 3 * 12 + 4
    body_length = 4 + entries_at + 16 * count
    first_length = len(first) + body_length + 4
    base = 2 + 4 + 4  # SOI, marker and length, "MPF\0"
    starts, at = [0], first_length - base
    for other in others:
        starts.append(at)
        at += len(other)
    tiff = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}IH", 8, 3)
    tiff += struct.pack(f"{order}HHI4s", 0xB000, 7, 4, b"0100")
    tiff += struct.pack(f"{order}HHII", 0xB001, 4, 1, count)
    tiff += struct.pack(f"{order}HHII", 0xB002, 7, 16 * count, entries_at)
    tiff += struct.pack(f"{order}I", 0)
    sizes = [first_length, *map(len, others)]
    for size, start in zip(sizes, starts, strict=True):
        tiff += struct.pack(f"{order}IIIHH", 0x030000 if not start else 0, size, start, 0, 0)
    return with_segment(first, 0xE2, b"MPF\0" + tiff) + b"".join(others)


def ultra_hdr(image: Image.Image, **options: object) -> bytes:
    gain_map = with_xmp(jpeg(image.convert("L").resize((image.width // 4, image.height // 4))), GAIN_MAP_XMP)
    return with_mpf(with_xmp(jpeg(image, **options), CONTAINER_XMP), [gain_map])


def apple_gain_map(image: Image.Image, **options: object) -> bytes:
    gain_map = with_xmp(
        jpeg(image.convert("L").resize((image.width // 2, image.height // 2))), APPLE_GAIN_MAP_XMP
    )
    return with_mpf(jpeg(image, **options), [gain_map], order="<")


def mpo(image: Image.Image) -> bytes:
    return with_mpf(jpeg(image), [jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))])


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def mp4(size_bytes: int = 2000) -> bytes:
    brand = box(b"ftyp", b"mp42\0\0\0\0isommp42")
    handler = box(b"hdlr", bytes(8) + b"vide" + bytes(12) + b"VideoHandler\0")
    track = box(b"trak", box(b"tkhd", bytes(84)) + box(b"mdia", box(b"mdhd", bytes(24)) + handler))
    content = box(b"mdat", bytes(range(256)) * (size_bytes // 256))
    return brand + box(b"moov", box(b"mvhd", bytes(100)) + track) + content


def motion_photo(image: Image.Image) -> bytes:
    return with_xmp(jpeg(image), MOTION_XMP) + mp4()


def ultra_hdr_motion_photo(image: Image.Image) -> bytes:
    return ultra_hdr(image) + mp4()


def samsung_trailer(blocks: Sequence[tuple[int, bytes, bytes]]) -> bytes:
    """Blocks of (kind, name, content), then SEFH with their distances and sizes, then its length and SEFT."""
    data = [struct.pack("<HHI", 0, kind, len(name)) + name + content for kind, name, content in blocks]
    total = sum(map(len, data))
    directory, at = b"SEFH" + struct.pack("<II", 106, len(data)), 0
    for (kind, _, _), block in zip(blocks, data, strict=True):
        directory += struct.pack("<HHII", 0, kind, total - at, len(block))
        at += len(block)
    return b"".join(data) + directory + struct.pack("<I", len(directory)) + b"SEFT"


def samsung(image: Image.Image) -> bytes:
    return jpeg(image) + samsung_trailer([(0x0A01, b"Image_UTC_Data", b"1700000000000")])


def samsung_motion_photo(image: Image.Image) -> bytes:
    blocks = [(0x0A01, b"Image_UTC_Data", b"1700000000000"), (0x0A30, b"MotionPhoto_Data", mp4())]
    return jpeg(image) + samsung_trailer(blocks)


def with_zeros_between_segments(data: bytes, count: int = 5) -> bytes:
    """As jpeg-js#84 describes it: stray zero bytes in front of markers in the header."""
    found, position = data[:2], 2
    while data[position + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, position + 2)
        found += data[position : position + 2 + length] + bytes(count)
        position += 2 + length
    return found + data[position:]


def heic(*images: Image.Image, **options: object) -> bytes:
    """A HEIC file with one or several pictures; `primary_index` chooses the one that counts."""
    file = pillow_heif.from_pillow(images[0])
    for image in images[1:]:
        file.add_from_pillow(image)
    buffer = io.BytesIO()
    file.save(buffer, **({"quality": 90} | options))
    return buffer.getvalue()


def heic_10_bit(width: int, height: int, rgb: tuple[int, int, int]) -> bytes:
    """`rgb`: 16-bit values of the one colour."""
    raw = struct.pack("<HHH", *rgb) * (width * height)
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (width, height), raw).save(buffer, quality=90)
    return buffer.getvalue()
