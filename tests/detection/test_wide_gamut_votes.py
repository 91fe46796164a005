"""The shipped bundle votes on a wide-gamut file as on its sRGB twin: real portraits, Display P3 as phones write it.

What the conversion moves is measured in float32: in bfloat16, where the processor has it, rounding in the networks adds
to the difference of two pictures that differ by one grey level in a pixel of fifty. The members that look at the face
move most: the eyes are found again in each picture, a fraction of a pixel elsewhere.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detection import decoding
from detection import ensemble as ensembles
from detection.decoding.profiles import DISPLAY_P3, profile_of_codes
from detection.ensemble import Ensemble
from detection.faces.examine import examine
from tests.factories import phone_files as phone
from tests.factories.colours import in_space, to_srgb
from tests.factories.image_files import saved
from tests.factories.scenes import SAMPLES, sample

BUNDLE = Path(__file__).parents[2] / "detection" / "baseline"
P3 = profile_of_codes(DISPLAY_P3, 13)
COLOURED = [
    number for number in range(len(SAMPLES)) if np.ptp(np.asarray(sample(number), int), axis=2).max() > 8
]


@cache
def ensemble(is_float32: bool) -> Ensemble:
    with pytest.MonkeyPatch.context() as patch:
        if is_float32:
            patch.setattr(ensembles, "network_dtype", lambda device: torch.float32)
        return Ensemble.load(BUNDLE, device="cpu", threads=1)


def votes(data: bytes, *, is_float32: bool = True) -> np.ndarray:
    """(5,) probabilities of fake for a file, decoded and examined as the scoring worker does."""
    image = decoding.decode(data)
    # How the file is compressed is left out: a twin of another format has other traces.
    (found,) = ensemble(is_float32).score([image], [examine(image).frame], [None])
    return np.array([vote.probability for vote in found])


def test_most_portraits_have_colours() -> None:
    assert len(COLOURED) >= 5


def stored(kind: str, picture: Image.Image, profile: bytes) -> bytes:
    options = {"icc_profile": profile} if profile else {}
    match kind:
        case "HEIC":
            tagged = picture.copy()
            tagged.info.update(options)
            return phone.heic(tagged, quality=95)
        case "JPEG":
            return saved(picture, kind, quality=95, **options)
        case "WEBP":
            return saved(picture, kind, lossless=True, **options)
    return saved(picture, kind, **options)


@pytest.mark.parametrize("number", COLOURED[::3])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "HEIC"])
def test_a_wide_gamut_file_gets_the_votes_of_its_pixels_converted_to_srgb(kind: str, number: int) -> None:
    """The twin is made of the same file's pixels: two lossy files of two pictures differ by their losses."""
    wide = Image.fromarray(in_space(np.asarray(sample(number)), "P3"))
    pixels = np.asarray(decoding.decode(stored(kind, wide, b"")))
    twin = saved(Image.fromarray(to_srgb(pixels, "P3")), "PNG")
    assert np.abs(votes(stored(kind, wide, P3)) - votes(twin)).max() <= 0.04


@pytest.mark.parametrize(("is_float32", "usual", "bound"), [(True, 0.012, 0.035), (False, 0.016, 0.035)])
def test_lossless_twins_of_the_same_pixels_hardly_differ_for_any_portrait(
    is_float32: bool, usual: float, bound: float
) -> None:
    """The bounds that docs/checks.md states: conversion in the decoder against conversion before."""
    moved = []
    for number in COLOURED:
        wide = in_space(np.asarray(sample(number)), "P3")
        file = stored("PNG", Image.fromarray(wide), P3)
        twin = stored("PNG", Image.fromarray(to_srgb(wide, "P3")), b"")
        moved.append(np.abs(votes(file, is_float32=is_float32) - votes(twin, is_float32=is_float32)).max())
    assert np.median(moved) <= usual
    assert max(moved) <= bound


def test_rounding_to_eight_bits_in_a_wide_space_hardly_moves_a_vote() -> None:
    """Against the picture before it was stored in Display P3: colours were rounded twice, which no decoder can undo."""
    moved = []
    for number in COLOURED:
        wide = Image.fromarray(in_space(np.asarray(sample(number)), "P3"))
        moved.append(np.abs(votes(stored("PNG", wide, P3)) - votes(stored("PNG", sample(number), b""))).max())
    assert np.median(moved) <= 0.014
    assert max(moved) <= 0.045


def test_without_conversion_the_votes_would_differ() -> None:
    moved = []
    for number in COLOURED[::3]:
        wide = Image.fromarray(in_space(np.asarray(sample(number)), "P3"))
        moved.append(np.abs(votes(saved(wide, "PNG")) - votes(saved(sample(number), "PNG"))).max())
    assert np.median(moved) > 0.02
