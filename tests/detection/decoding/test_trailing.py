"""What phones leave behind a picture is named and never refused."""

import os
import struct
import time

import pytest
from PIL import Image

from detection.decoding import TrailingKind, decode, inspect
from detection.decoding.trailing import identify
from tests.factories import phone_files as phone
from tests.factories.image_files import face, saved

FACE = face(320, 400)
PLAIN = phone.jpeg(FACE)
ARCHIVE = b"PK\x03\x04" + bytes(range(200))
MP4 = phone.mp4()
EMPTY_VIDEO = phone.box(b"ftyp", b"mp42\0\0\0\0") + phone.box(b"moov", b"") + phone.box(b"mdat", ARCHIVE)
CLAIMED_MAP = phone.with_xmp(PLAIN, phone.GAIN_MAP_XMP)
SMALL_MAP = phone.with_xmp(phone.jpeg(FACE.resize((80, 100))), phone.GAIN_MAP_XMP)
DIRECTORY = (
    '<Container:Directory><rdf:Seq><rdf:li><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg" '
    'Item:Padding="4"/></rdf:li><rdf:li><Container:Item Item:Semantic="GainMap" Item:Length="{}"/></rdf:li>'
)


def trailer_of(block: bytes, kind: int = 0x0ABC, offset: int | None = None, size: int | None = None) -> bytes:
    """A Samsung trailer whose directory says what is given about one block."""
    offset, size = len(block) if offset is None else offset, len(block) if size is None else size
    directory = b"SEFH" + struct.pack("<IIHHII", 106, 1, 0, kind, offset, size)
    return block + directory + struct.pack("<I", len(directory)) + b"SEFT"


BLOCK = struct.pack("<HHI", 0, 0x0ABC, 4) + b"Name" + b"content"
LAYOUTS = {
    "plain": (PLAIN, {}),
    "Ultra HDR": (phone.ultra_hdr(FACE), {"gain_map"}),
    "iPhone with gain map": (phone.apple_gain_map(FACE), {"gain_map"}),
    "MPO": (phone.mpo(FACE), {"mpf"}),
    "Samsung": (phone.samsung(FACE), {"samsung"}),
    "Samsung motion photo": (phone.samsung_motion_photo(FACE), {"samsung", "motion_photo"}),
    "motion photo": (phone.motion_photo(FACE), {"motion_photo"}),
    "Ultra HDR motion photo": (phone.ultra_hdr_motion_photo(FACE), {"gain_map", "motion_photo"}),
    "Ultra HDR on a Samsung": (
        phone.ultra_hdr(FACE) + phone.samsung_trailer([(0x0A01, b"Image_UTC_Data", b"17")]),
        {"gain_map", "samsung"},
    ),
    "padding and video": (PLAIN + bytes(100) + MP4, {"padding", "motion_photo"}),
    "one NUL": (PLAIN + b"\0", {"padding"}),
    "NULs": (PLAIN + bytes(512), {"padding"}),
    "FFs": (PLAIN + b"\xff" * 64, {"padding"}),
    "CR LF": (PLAIN + b"\r\n", {"padding"}),
    "Samsung and NULs": (phone.samsung(FACE) + bytes(64), {"samsung", "padding"}),
    "archive": (PLAIN + ARCHIVE, {"unknown"}),
    "script": (PLAIN + b"<script>alert(1)</script>", {"unknown"}),
    "a second picture that nothing announces": (PLAIN + PLAIN, {"unknown"}),
    "a second picture that calls itself a gain map": (PLAIN + CLAIMED_MAP, {"unknown"}),
    "a second picture as large as the first, both with a gain map's words": (CLAIMED_MAP + CLAIMED_MAP, {"unknown"}),
    "a small gain map that both name": (phone.with_xmp(PLAIN, phone.GAIN_MAP_XMP) + SMALL_MAP, {"gain_map"}),
    "a gain map of a directory": (
        phone.with_xmp(PLAIN, DIRECTORY.format(len(CLAIMED_MAP))) + bytes(4) + CLAIMED_MAP,
        {"padding", "gain_map"},
    ),
    "a directory and another place": (
        phone.with_xmp(PLAIN, DIRECTORY.format(len(PLAIN))) + bytes(9) + PLAIN,
        {"padding", "unknown"},
    ),
    "a video without a track": (PLAIN + EMPTY_VIDEO, {"unknown"}),
    "a video and a box that no video has": (
        PLAIN + MP4 + phone.box(b"hide", ARCHIVE),
        {"motion_photo", "padding", "unknown"},
    ),
    # The zeros with which a box or a block begins are padding.
    "a block of a trailer": (PLAIN + trailer_of(BLOCK), {"samsung"}),
    "a picture as a trailer's block": (PLAIN + trailer_of(PLAIN), {"unknown"}),
    "a trailer whose block has another kind": (PLAIN + trailer_of(BLOCK, kind=1), {"padding", "unknown"}),
    "a trailer that leaves a gap": (PLAIN + trailer_of(BLOCK + ARCHIVE, size=len(BLOCK)), {"padding", "unknown"}),
    "a trailer whose block is too long": (PLAIN + trailer_of(BLOCK, size=len(BLOCK) + 1), {"padding", "unknown"}),
    "a trailer whose block begins in the picture": (PLAIN + trailer_of(BLOCK, offset=9999), {"padding", "unknown"}),
    "padding and archive": (PLAIN + bytes(64) + ARCHIVE, {"padding", "unknown"}),
    "a word that looks like a trailer": (PLAIN + ARCHIVE + b"SEFT", {"unknown"}),
    "a trailer that claims too much": (PLAIN + ARCHIVE + b"SEFH" + bytes(8) + b"\xff\xff\0\0SEFT", {"unknown"}),
    "a video without content": (PLAIN + phone.box(b"ftyp", b"mp42\0\0\0\0"), {"unknown"}),
    "PNG and CR LF": (saved(FACE, "PNG") + b"\r\n", {"padding"}),
    "PNG and archive": (saved(FACE, "PNG") + ARCHIVE, {"unknown"}),
    "PNG and video": (saved(FACE, "PNG") + MP4, {"motion_photo"}),
    "WebP and blanks": (saved(FACE, "WEBP") + b"  ", {"padding"}),
    "WebP and archive": (saved(FACE, "WEBP") + ARCHIVE, {"unknown"}),
    "HEIC": (phone.heic(FACE), {}),
    "HEIC motion photo": (phone.heic(FACE) + phone.box(b"mpvd", MP4), {"motion_photo"}),
    "HEIC and archive": (phone.heic(FACE) + b"\0" + ARCHIVE, {"padding", "unknown"}),
    "AVIF and NULs": (saved(FACE, "AVIF") + bytes(9), {"padding"}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_accepted_and_what_follows_is_named(name: str) -> None:
    data, kinds = LAYOUTS[name]
    facts = inspect(data)
    assert {part.kind.value for part in facts.trailing} == set(kinds)
    assert facts.damage is None
    assert (facts.width, facts.height) == (320, 400)
    assert decode(data).size == (320, 400)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if LAYOUTS[name][0].startswith(PLAIN)])
def test_sizes_add_up_to_all_that_follows(name: str) -> None:
    data, _ = LAYOUTS[name]
    assert sum(part.size_bytes for part in inspect(data).trailing) == len(data) - len(PLAIN)


def test_only_the_first_picture_is_decoded() -> None:
    other = Image.new("RGB", FACE.size, "white")
    data = phone.with_mpf(PLAIN, [phone.jpeg(other)])
    assert decode(data).tobytes() == decode(PLAIN).tobytes()


def test_a_video_inside_a_samsung_trailer_has_its_own_size() -> None:
    sizes = {part.kind: part.size_bytes for part in inspect(phone.samsung_motion_photo(FACE)).trailing}
    assert sizes[TrailingKind.MOTION_PHOTO] >= len(MP4)
    assert sizes[TrailingKind.SAMSUNG] < 200


@pytest.mark.parametrize(
    "behind",
    [
        bytes(20_000_000),
        b"\xff" * 20_000_000,
        b"\xff\xd8\xff\xd9" * 4_000_000,
        b"\0\0\0\x08free" * 2_000_000,
        (b"\xff\xd8\xff\xfe\0\x02" * 3_000_000),
        phone.box(b"ftyp", b"mp42") + b"\0\0\0\x08free" * 2_000_000,
        b"\0" * 1000 + os.urandom(10_000_000),
    ],
    ids=["NULs", "FFs", "starts of pictures", "boxes", "segments", "video of boxes", "noise"],
)
def test_naming_takes_little_time_whatever_follows(behind: bytes) -> None:
    began = time.process_time()
    parts = identify(PLAIN + behind, len(PLAIN), "JPEG")
    assert time.process_time() - began < 2
    assert sum(part.size_bytes for part in parts) == len(behind)
