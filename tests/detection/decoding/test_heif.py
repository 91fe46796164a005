"""HEIC and AVIF: odd sizes, clean apertures, grids, and data appended to the file."""

import struct
import time

import numpy as np
import pytest
from PIL import Image

from detection.decoding import Damage, ImageRefused, TrailingKind, decode, inspect
from detection.decoding.boxes import boxes
from detection.decoding.heif_extra import foreign_parts
from tests.factories import heif_files
from tests.factories import phone_files as phone
from tests.factories.image_files import saved
from tests.factories.scenes import sample

ODD_SIZES = [(675, 824), (674, 825), (1081, 1441), (65, 97)]
TURNS = {  # anticlockwise, as `irot` counts
    0: (),
    1: (Image.Transpose.ROTATE_90,),
    2: (Image.Transpose.ROTATE_180,),
    3: (Image.Transpose.ROTATE_270,),
}


def portrait(width: int, height: int) -> Image.Image:
    return sample(2).resize((width, height), Image.Resampling.LANCZOS)


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, int) - np.asarray(other, int)).mean())


@pytest.mark.parametrize("size", ODD_SIZES)
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_odd_sizes_are_accepted_and_keep_their_size(kind: str, size: tuple[int, int]) -> None:
    picture = portrait(*size)
    data = phone.heic(picture) if kind == "HEIC" else saved(picture, "AVIF", quality=90)
    facts, image = inspect(data), decode(data)
    assert (facts.width, facts.height, facts.damage, facts.trailing) == (*size, None, ())
    assert difference(image, picture) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_odd_sizes_are_cut_before_they_are_turned(orientation: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    upright = portrait(225, 275)
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    data = phone.heic(stored, exif=tags.tobytes())
    facts = inspect(data)
    assert (facts.width, facts.height) == (225, 275)
    assert difference(decode(data), upright) < 4


@pytest.mark.parametrize("size", [(256, 256), (225, 251), (130, 257)])
@pytest.mark.parametrize("quarters", TURNS)
def test_grids_are_accepted_with_and_without_a_clean_aperture(size: tuple[int, int], quarters: int) -> None:
    picture = portrait(*size)
    turn = [phone.box(b"irot", bytes([quarters]))] if quarters else []
    plain = heif_files.grid(picture, 128, *turn)
    # The aperture's centre lies to the left of and below the picture's.
    width, height = size[0] - 20, size[1] - 30
    shown = heif_files.grid(picture, 128, heif_files.clap(width, height, (-5, 1), (7, 1)), *turn)
    left, top = int((size[0] - width) / 2 - 5), int((size[1] - height) / 2 + 7)
    for data, expected in ((plain, picture), (shown, picture.crop((left, top, left + width, top + height)))):
        for transpose in TURNS[quarters]:
            expected = expected.transpose(transpose)
        facts = inspect(data)
        assert (facts.width, facts.height, facts.damage) == (*expected.size, None)
        assert difference(decode(data), expected) < 4


@pytest.mark.parametrize(
    ("aperture", "box"),
    [
        (heif_files.clap(201, 151, (0, 1), (0, 1)), (12, 62, 213, 213)),
        (heif_files.clap(200, 100, (25, 2), (-3, 2)), (25, 86, 225, 186)),
        (heif_files.clap(64, 64, (-161, 2), (0, 1)), (0, 105, 64, 169)),
    ],
)
def test_a_clean_aperture_shows_a_part_of_the_picture(
    aperture: bytes, box: tuple[int, int, int, int]
) -> None:
    picture = portrait(225, 275)
    data = heif_files.with_clap(phone.heic(picture), aperture)
    facts = inspect(data)
    assert (facts.width, facts.height) == (box[2] - box[0], box[3] - box[1])
    assert difference(decode(data), picture.crop(box)) < 4


@pytest.mark.parametrize(
    "aperture",
    [
        phone.box(b"clap", bytes(32)),
        phone.box(b"clap", struct.pack(">8I", 0, 1, 0, 1, 0, 1, 0, 1)),
        heif_files.clap(10, 10, (5000, 1), (0, 1)),
        phone.box(b"clap", bytes(5)),
    ],
)
def test_a_clean_aperture_that_shows_nothing_is_refused(aperture: bytes) -> None:
    # Padded with a free box, so that the boxes around it keep their size.
    room = 40 - len(aperture)
    aperture += phone.box(b"free", bytes(room - 8)) if room else b""
    with pytest.raises(ImageRefused) as refused:
        inspect(heif_files.with_clap(phone.heic(portrait(225, 275)), aperture))
    assert refused.value.code == "corrupt_image"


APPENDED = {
    "text": b"hello, this is not part of the picture",
    "long text": b"<script>alert(1)</script>" * 500,
    "archive": b"PK\x03\x04" + bytes(range(200)),
    "a box of an unknown kind": phone.box(b"mydt", b"secret" * 20),
    "a cut box of an unknown kind": phone.box(b"mydt", b"secret" * 20)[:40],
    "another picture": phone.heic(portrait(64, 64)),
}
FILES = {
    "HEIC": phone.heic(portrait(225, 275)),
    "HEIC grid": heif_files.grid(portrait(225, 275), 128),
    "AVIF": saved(portrait(225, 275), "AVIF", quality=90),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", APPENDED)
def test_unknown_data_behind_a_picture_is_trailing_data_and_no_damage(kind: str, name: str) -> None:
    data = FILES[kind] + APPENDED[name]
    facts = inspect(data)
    assert facts.damage is None
    # The zeros with which a box begins are padding.
    assert {part.kind for part in facts.trailing} - {TrailingKind.PADDING} == {TrailingKind.UNKNOWN}
    assert sum(part.size_bytes for part in facts.trailing) == len(APPENDED[name])
    assert decode(data).tobytes() == decode(FILES[kind]).tobytes()


@pytest.mark.parametrize("kind", FILES)
def test_a_video_behind_a_picture_is_a_motion_photo(kind: str) -> None:
    facts = inspect(FILES[kind] + phone.mp4())
    assert (facts.damage, [part.kind for part in facts.trailing]) == (None, [TrailingKind.MOTION_PHOTO])


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", [b"free", b"skip", b"uuid", b"mdat", b"mpvd", b"sefd"])
def test_a_box_of_the_format_that_no_item_refers_to_may_hold_little(kind: str, name: bytes) -> None:
    note = phone.box(name, b"PK\3\4 a note" * 10)
    assert inspect(FILES[kind] + note).damage is None
    hidden = phone.jpeg(portrait(225, 275), quality=95)
    facts = inspect(FILES[kind] + phone.box(name, hidden))
    assert facts.damage is None
    assert [part.kind for part in facts.trailing] == [TrailingKind.UNKNOWN]
    assert facts.trailing[0].size_bytes >= len(hidden) > 4096


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", [b"free", b"skip", b"uuid", b"mdat"])
def test_short_notes_and_padding_in_boxes_of_the_format_are_nothing_special(kind: str, name: bytes) -> None:
    assert inspect(FILES[kind] + phone.box(name, b"a note" * 100)).trailing == ()
    assert inspect(FILES[kind] + phone.box(name, bytes(100_000))).trailing == ()


def test_bytes_of_a_data_box_that_no_item_refers_to_are_noticed() -> None:
    data = FILES["HEIC"]
    at = data.rindex(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4])
    hidden = b"PK\3\4" + bytes(range(256)) * 40
    facts = inspect(data[:at] + (size + len(hidden)).to_bytes(4) + data[at + 4 :] + hidden)
    assert [(part.kind, part.size_bytes) for part in facts.trailing] == [(TrailingKind.UNKNOWN, len(hidden))]


def test_naming_what_boxes_hold_takes_little_time() -> None:
    extents = b"".join(struct.pack(">II", 20 * number, 10) for number in range(19_000))
    iloc = heif_files.full_box(b"iloc", struct.pack(">BBHHHH", 0x44, 0, 1, 1, 0, 19_000) + extents)
    data = iloc + phone.box(b"free", b"x" * 30) * 9_000
    found = list(boxes(data, 0, len(data)))
    began = time.process_time()
    (part,) = foreign_parts(data, found, found[0], len(data))
    assert time.process_time() - began < 2
    assert 9_000 * 5 < part.size_bytes < 9_000 * 30


def test_samsungs_box_is_known_by_its_directory() -> None:
    trailer = phone.samsung_trailer([(0x0A01, b"Image_UTC_Data", b"1" * 5000)])
    facts = inspect(FILES["HEIC"] + phone.box(b"sefd", trailer))
    assert [part.kind for part in facts.trailing] == [TrailingKind.SAMSUNG]


@pytest.mark.parametrize("kind", FILES)
def test_data_behind_a_last_box_of_open_size_are_trailing_data(kind: str) -> None:
    data = FILES[kind]
    at = data.rindex(b"mdat") - 4
    data = data[:at] + bytes(4) + data[at + 4 :]
    assert inspect(data).trailing == ()
    facts = inspect(data + b"hello, world")
    assert (facts.damage, [part.size_bytes for part in facts.trailing]) == (None, [12])


def test_a_box_of_an_unknown_kind_before_the_pixels_is_passed_over() -> None:
    picture = portrait(225, 275)
    data = heif_files.grid(picture, 128, before_data=phone.box(b"mydt", b"x" * 24))
    facts = inspect(data)
    assert (facts.damage, facts.trailing) == (None, ())
    assert difference(decode(data), picture) < 4


def test_a_known_box_that_is_cut_off_is_damage() -> None:
    data = FILES["HEIC"] + phone.box(b"mpvd", phone.mp4())[:-100]
    facts = inspect(data)
    assert (facts.damage, [part.kind for part in facts.trailing]) == (
        Damage.ENDS_EARLY,
        [TrailingKind.MOTION_PHOTO],
    )
