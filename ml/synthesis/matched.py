"""Swaps closer to a careful forger's: a donor of similar pose, light, colour and sharpness, moved by the face mesh.

`look` describes a photograph, by which `matching_donor` chooses; `mesh_swap` moves the donor's region triangle by
triangle, takes over the target's light and sharpness, and blends the seam.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from detection.faces.mesh import OVAL
from ml.synthesis.forge import Forgery, Recipe, blend_donor, face_width
from ml.synthesis.regions import mask_of

LOOK_SIDE = 96  # pixels of the face's box in which a look is measured
COARSE_LIGHT = (
    0.14  # of the face's width: differences wider than this are light, finer ones are the donor's texture
)
LEAST_LEVEL = 4.0  # grey levels, so that black has no infinite gain
GAIN = (0.5, 2.0)
BLURS = (0.0, 0.5, 0.7, 0.9, 1.2, 1.6)  # deviations in pixels
SOFTEST, GROWN_MOST, COLOUR = 0.02, 1.25, 0.5
# What counts as one step of difference in each part of a look.
SCALES = np.array([12.0, 8.0, 8.0, 10.0, 10.0, 0.25, 8.0], np.float32)
LOOK_PARTS = len(SCALES)
NEAREST = 4  # donors among which one is drawn


def describe_appearance(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(7,) float32: mean Lab of the face, its light from left to right and from top to bottom, sharpness as the
    logarithm of the Laplacian's deviation, and contrast.

    image: (H, W, 3) uint8 RGB; points: (468, 2) pixels. Raises ValueError for a face outside of the picture.
    """
    oval = points[list(OVAL)]
    (left, top), (right, bottom) = np.floor(oval.min(0)).astype(int), np.ceil(oval.max(0)).astype(int)
    part = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if min(part.shape[:2]) < 8:
        raise ValueError("the face lies outside of the picture: it has no look")
    small = cv2.resize(part, (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA)
    edge = LOOK_SIDE // 6
    inner = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[edge:-edge, edge:-edge].astype(np.float32)
    light, half = inner[..., 0], inner.shape[0] // 2
    across = float(light[:, half:].mean() - light[:, :half].mean())
    down = float(light[half:].mean() - light[:half].mean())
    sharp = float(np.log(cv2.Laplacian(light, cv2.CV_32F).std() + 1))
    return np.array([*inner.mean((0, 1)), across, down, sharp, light.std()], np.float32)


def matching_donor(
    looks: np.ndarray, index: int, candidates: Sequence[int] | np.ndarray, rng: np.random.Generator
) -> int:
    """One of the few candidates whose look is nearest to that of photograph `index`, drawn by `rng`.

    looks: (N, 7), rows of NaN where there is none; candidates: of similar pose (`ml.synthesis.donors.neighbours`).
    """
    chosen = np.asarray(candidates)
    distance = (((looks[chosen] - looks[index]) / SCALES) ** 2).sum(1)
    order = np.argsort(np.where(np.isfinite(distance), distance, np.inf), kind="stable")
    return int(rng.choice(chosen[order[:NEAREST]]))


def mesh_swap(
    target: np.ndarray, points: np.ndarray, donor: np.ndarray, donor_points: np.ndarray, recipe: Recipe
) -> Forgery:
    """The donor's region over the target's, warped piecewise by the mesh, in the target's light and sharpness.

    target, donor: (H, W, 3) uint8 RGB; points: (468, 2) pixels of each. A hard seam becomes a feathered one: careful
    forgers do not leave one. Raises ValueError when the region lies outside of the picture.
    """
    width = face_width(points)
    seam = "feather" if recipe.seam == "hard" else recipe.seam
    softness = max(recipe.softness, SOFTEST)
    mask = mask_of(recipe.region, points, target.shape[:2], min(recipe.grow, GROWN_MOST))
    reach = _widened(mask, 3 * softness * width) > 0
    warped, is_covered = _warped(target, points, donor, donor_points, reach)
    mask[~is_covered] = 0
    if not mask.any():
        raise ValueError("the region lies outside of the picture: there is nothing to swap")
    warped = _match_lighting(warped, target, is_covered, COARSE_LIGHT * width)
    warped = _match_sharpness(warped, target, mask > 0)
    careful = Recipe(recipe.region, seam, softness, recipe.grow, colour=COLOUR)
    return blend_donor(target, warped, mask, careful, width, f"mesh/{recipe.region}")


def _widened(mask: np.ndarray, by: float) -> np.ndarray:
    size = 2 * math.ceil(by) + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_RECT, (size, size)))


def _warped(
    target: np.ndarray, points: np.ndarray, donor: np.ndarray, donor_points: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The target with the donor's pixels, moved triangle by triangle, where `wanted` lies on the mesh; and where that
    is, (H, W) bool."""
    y, x = np.nonzero(wanted)
    found = LinearNDInterpolator(points, donor_points)(x, y).astype(np.float32)
    inside = np.isfinite(found[:, 0])
    is_covered = np.zeros(wanted.shape, bool)
    is_covered[y[inside], x[inside]] = True
    where = np.full((*wanted.shape, 2), -1, np.float32)
    where[y[inside], x[inside]] = found[inside]
    moved = cv2.remap(donor, where[..., 0], where[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.where(is_covered[..., None], moved, target), is_covered


def _match_lighting(
    image: np.ndarray, wanted: np.ndarray, inside: np.ndarray, deviation: float
) -> np.ndarray:
    """`image` inside the mask with the light of `wanted`: its coarse levels are scaled, its texture stays."""
    step = max(1, int(deviation / 4))  # coarse levels need few pixels
    height, width = inside.shape
    size = (max(1, width // step), max(1, height // step))
    weight = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    area = cv2.GaussianBlur(weight, (0, 0), deviation / step)[..., None] + 1e-3

    def coarse(picture: np.ndarray) -> np.ndarray:
        kept = np.where(inside[..., None], picture, 0).astype(np.float32)
        small = cv2.resize(kept, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(small, (0, 0), deviation / step) / area + LEAST_LEVEL)

    gain = np.clip(coarse(wanted) / coarse(image), *GAIN)
    wide = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    lit = np.clip(image * wide + 0.5, 0, 255).astype(np.uint8)
    return np.where(inside[..., None], lit, image)


def _match_sharpness(image: np.ndarray, wanted: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """`image` blurred until its finest detail inside the mask is no stronger than that of `wanted`."""
    goal = _detail(wanted, inside)
    for deviation in BLURS:
        softer = cv2.GaussianBlur(image, (0, 0), deviation) if deviation else image
        if _detail(softer, inside) <= 1.1 * goal:
            break
    return np.asarray(softer)


def _detail(image: np.ndarray, inside: np.ndarray) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F)[inside].std())
