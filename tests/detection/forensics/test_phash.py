import io

from PIL import Image, ImageEnhance

from detection.forensics.phash import NEAR_COARSE, NEAR_FINE, Fingerprint, fingerprint
from tests.factories.photographs import photograph, saved


def apart(one: Fingerprint, other: Fingerprint) -> tuple[int, int]:
    return (one.coarse ^ other.coarse).bit_count(), (one.fine ^ other.fine).bit_count()


def test_a_copy_at_another_size_quality_and_brightness_is_near() -> None:
    picture = photograph()
    copies = [
        picture.resize((160, 160)),
        Image.open(io.BytesIO(saved(picture, 40))),
        ImageEnhance.Brightness(picture).enhance(1.15),
    ]
    for copy in copies:
        coarse, fine = apart(fingerprint(picture), fingerprint(copy))
        assert coarse <= NEAR_COARSE
        assert fine <= NEAR_FINE


def test_other_pictures_are_far() -> None:
    prints = [fingerprint(photograph(seed)) for seed in range(8)]
    for one in prints:
        assert all(apart(one, other)[1] > NEAR_FINE for other in prints if other is not one)


def test_the_hashes_have_their_size_and_half_of_their_bits_set() -> None:
    found = fingerprint(photograph())
    assert (found.coarse.bit_count(), found.fine.bit_count()) == (32, 128)
