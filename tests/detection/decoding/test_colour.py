"""A wide-gamut file and its sRGB twin show the same colours."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from detection.decoding import decode, derivative
from detection.decoding.profiles import BT_2020, COLUMNS, DISPLAY_P3, profile_of_codes
from tests.factories import phone_files as phone
from tests.factories.colours import BRADFORD, D65, in_space, to_xyz, xyz
from tests.factories.image_files import saved


def delta_e(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIE 1976, by littlecms' own conversion to Lab."""
    lab = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    pair = [
        np.asarray(ImageCms.applyTransform(Image.fromarray(v), transform)).astype(np.int16)
        for v in (one, other)
    ]
    pair = [
        np.stack([v[..., 0] * (100 / 255), *np.moveaxis(v[..., 1:].astype(np.int8), -1, 0)], -1) for v in pair
    ]
    return np.sqrt(((pair[0] - pair[1]) ** 2).sum(-1))


def skin(side: int = 96) -> np.ndarray:
    """(side, side, 3) uint8: soft patches of the colours of skin, lips, eyes and hair, in sRGB."""
    colours = [(236, 171, 136), (141, 85, 36), (255, 219, 172), (180, 60, 60), (70, 110, 160), (40, 26, 13)]
    small = np.array([colours, colours[::-1]], np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(("name", "codes"), [("P3", DISPLAY_P3), ("BT.2020", BT_2020)])
def test_columns_of_the_profiles_are_those_of_their_primaries(name: str, codes: int) -> None:
    """Bradford's adaptation from D65 to D50, computed independently."""
    source, target = BRADFORD @ xyz(D65), BRADFORD @ np.array([0.9642, 1.0, 0.8249])
    adapted = np.linalg.inv(BRADFORD) @ np.diag(target / source) @ BRADFORD @ to_xyz(name)
    assert np.allclose(np.array(COLUMNS[codes]).T, adapted, atol=5e-4)


def files_in(name: str, codes: int) -> dict[str, bytes]:
    picture = Image.fromarray(in_space(skin(), name))
    profile = profile_of_codes(codes, 13)
    heic = picture.copy()
    heic.info["icc_profile"] = profile
    return {
        "JPEG": saved(picture, "JPEG", quality=98, subsampling=0, icc_profile=profile),
        "PNG": saved(picture, "PNG", icc_profile=profile),
        "PNG with alpha": saved(picture.convert("RGBA"), "PNG", icc_profile=profile),
        "WebP": saved(picture, "WEBP", lossless=True, icc_profile=profile),
        "AVIF": saved(picture, "AVIF", quality=98, subsampling="4:4:4", icc_profile=profile),
        "HEIC": phone.heic(heic, quality=98, chroma=444),
    }


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG with alpha", "WebP", "AVIF", "HEIC"])
@pytest.mark.parametrize(("name", "codes"), [("P3", DISPLAY_P3), ("BT.2020", BT_2020)])
def test_a_wide_gamut_file_and_its_twin_differ_by_less_than_two(kind: str, name: str, codes: int) -> None:
    data, twin = files_in(name, codes)[kind], skin()
    stored = in_space(twin, name)
    assert delta_e(stored, twin).max() > 4, "without conversion they differ"
    difference = delta_e(np.asarray(decode(data)), twin)
    assert difference.mean() <= 1.5
    if kind in ("PNG", "PNG with alpha", "WebP"):  # the others lose something of their own
        assert np.percentile(difference, 99) <= 2
    shown = np.asarray(Image.open(io.BytesIO(derivative(data))))
    assert np.percentile(delta_e(shown, twin), 95) <= 3, "what reviewers see, compressed once more"


def test_heic_that_tells_its_colours_by_codes_is_converted() -> None:
    picture = Image.fromarray(in_space(skin(), "P3"))
    data = bytearray(phone.heic(picture, quality=98, chroma=444, save_nclx_profile=True))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", DISPLAY_P3, 13)
    assert delta_e(np.asarray(decode(bytes(data))), skin()).mean() <= 1.5


@pytest.mark.parametrize("codes", [(1, 13), (12, 16), (9, 18), (2, 2), (999, 999)])
def test_codes_that_need_or_allow_no_conversion_give_no_profile(codes: tuple[int, int]) -> None:
    assert profile_of_codes(*codes) == b""


def test_srgb_files_keep_their_pixels() -> None:
    picture = Image.fromarray(skin())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = np.asarray(decode(saved(picture, "PNG", icc_profile=profile))).astype(int)
    assert np.abs(found - skin()).max() <= 1


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGB"])
@pytest.mark.parametrize("profile", [b"x" * 300, b"", profile_of_codes(DISPLAY_P3, 13)[:200]], ids=len)
def test_a_broken_profile_costs_nothing(mode: str, profile: bytes) -> None:
    picture = Image.fromarray(skin()).convert(mode)
    kind = "PNG" if mode in ("P", "L") else "JPEG"
    assert (
        decode(saved(picture, kind, icc_profile=profile)).tobytes() == decode(saved(picture, kind)).tobytes()
    )


def test_a_profile_for_other_colours_is_ignored() -> None:
    grey = Image.fromarray(skin()).convert("L")
    data = saved(grey, "JPEG", icc_profile=profile_of_codes(DISPLAY_P3, 13))
    assert decode(data).tobytes() == decode(saved(grey, "JPEG")).tobytes()


def test_cmyk_and_its_inverted_form_keep_their_colours() -> None:
    """Adobe stores CMYK inverted and says so; Pillow writes it that way."""
    picture = Image.fromarray(skin())
    found = np.asarray(decode(saved(picture.convert("CMYK"), "JPEG", quality=98, subsampling=0)))
    assert np.percentile(delta_e(found, skin()), 95) <= 3
