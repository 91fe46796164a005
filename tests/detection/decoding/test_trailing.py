"""What phones leave behind a picture is named and never refused."""

import os
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
