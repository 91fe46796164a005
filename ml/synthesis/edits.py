"""Edits that need no second face, or only a patch of one: local warps, retouching, copy-move and splice.

Each takes a difficulty in 0..1: 0 is obvious, 1 is a careful forgery. All sizes are fractions of the face's
width, so that the effect does not depend on resolution.
"""

import cv2
import numpy as np

from detection.faces.mesh import CHEEKS, MOUTH, OVAL
from ml.synthesis.forge import Forgery, Recipe, blend_donor, face_width
from ml.synthesis.regions import REGIONS, mask_of

# Features for liquify: mesh points that are moved or scaled together.
WARPED: dict[str, tuple[tuple[int, ...], ...]] = {
    "eyes": REGIONS["eyes"],
    "nose": REGIONS["nose"],
    "mouth": (MOUTH,),
    "jaw": ((172, 136, 150, 149), (397, 365, 379, 378)),
    "cheeks": ((50, 205, 187, 123), (280, 425, 411, 352)),
}
PATCHED = (*CHEEKS, 10, 151, 9, 199, 200, 4, 33, 263, 61, 291)  # places that forgers cover or duplicate


def warp(image: np.ndarray, points: np.ndarray, difficulty: float, rng: np.random.Generator) -> Forgery:
    """Liquify: each part of one feature is swollen, shrunk or pushed by 2 to 11 % of the face's width.

    image: (H, W, 3) uint8 RGB; points: (468, 2) pixels. The mask is the reach of the brush.
    """
    width = face_width(points)
    name = str(rng.choice(list(WARPED)))
    way = str(rng.choice(("swell", "shrink", "push")))
    reach = width * float(rng.uniform(0.02, 0.05) if rng.random() < difficulty else rng.uniform(0.06, 0.11))
    push = _direction(rng)
    height, columns = image.shape[:2]
    y, x = np.mgrid[:height, :columns].astype(np.float32)
    dx, dy, touched = np.zeros_like(x), np.zeros_like(y), np.zeros_like(x)
    middle = points[list(OVAL)].mean(0)
    for part in WARPED[name]:
        outline = points[list(part)]
        cx, cy = outline.mean(0)
        radius = max(0.11 * width, 1.1 * float(np.ptp(outline, axis=0).max()) / 2)
        weight = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * (0.7 * radius) ** 2))
        touched = np.maximum(touched, weight)
        if way == "push":  # both sides of a face towards or away from its middle
            side = np.sign(middle[0] - cx) if len(WARPED[name]) > 1 else 1.0
            dx += weight * reach * push[0] * side
            dy += weight * reach * push[1]
        else:
            sign = -1.0 if way == "swell" else 1.0
            dx += sign * weight * reach * (x - cx) / radius
            dy += sign * weight * reach * (y - cy) / radius
    moved = cv2.remap(image, x + dx, y + dy, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    mask = (255 * touched).astype(np.uint8)
    mask[mask < 25] = 0
    return Forgery(moved, mask, f"warp/{name}/{way}")


def _direction(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def retouch(image: np.ndarray, points: np.ndarray, difficulty: float, rng: np.random.Generator) -> Forgery:
    """Skin smoothed or blurred between the features, or a few blemishes healed by inpainting.

    image: (H, W, 3) uint8 RGB; points: (468, 2) pixels.
    """
    width = face_width(points)
    subtle = rng.random() < difficulty
    way = str(rng.choice(("smooth", "blur", "heal"), p=(0.45, 0.3, 0.25)))
    skin = _skin(image, points)
    if way == "heal":
        spots = _spots(skin, width, int(rng.integers(3, 8)), subtle, rng)
        return Forgery(cv2.inpaint(image, spots, 0.02 * width, cv2.INPAINT_TELEA), spots, "retouch/skin/heal")
    if way == "smooth":
        size = max(7, int(0.08 * width) | 1)
        soft = cv2.bilateralFilter(image, size, 45 if subtle else 100, 0.03 * width + 1)
    else:
        soft = cv2.GaussianBlur(image, (0, 0), max(1.0, width * (0.015 if subtle else 0.03)))
    amount = float(rng.uniform(0.6, 0.85) if subtle else rng.uniform(0.85, 1.0))
    alpha = cv2.GaussianBlur(skin.astype(np.float32) / 255, (0, 0), max(0.6, 0.015 * width)) * amount
    out = image + alpha[..., None] * (soft.astype(np.float32) - image)
    return Forgery(np.clip(out + 0.5, 0, 255).astype(np.uint8), skin, f"retouch/skin/{way}")


def _skin(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    skin = mask_of("face", points, image.shape[:2], 0.94)
    for feature in ("eyes", "mouth"):
        skin &= ~mask_of(feature, points, image.shape[:2], 1.15)
    return skin


def _spots(skin: np.ndarray, width: float, count: int, subtle: bool, rng: np.random.Generator) -> np.ndarray:
    spots = np.zeros_like(skin)
    rows, columns = np.nonzero(skin)
    if not len(rows):
        raise ValueError("no skin is in the picture: the face lies outside it")
    for _ in range(count):
        at = int(rng.integers(len(rows)))
        radius = max(1, round(width * float(rng.uniform(0.01, 0.025) * (1 if subtle else 2.2))))
        cv2.circle(spots, (int(columns[at]), int(rows[at])), radius, 255, -1)
    return spots


def copy_move(image: np.ndarray, points: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> Forgery:
    """Copies a patch of the face over another place of the same face, for example to cover a mole.

    image: (H, W, 3) uint8 RGB; points: (468, 2) pixels. recipe: seam, softness and colour are used.
    """
    return _patch(image, image, points, points, recipe, rng, "copymove")


def splice(
    image: np.ndarray,
    points: np.ndarray,
    donor: np.ndarray,
    donor_points: np.ndarray,
    recipe: Recipe,
    rng: np.random.Generator,
) -> Forgery:
    """Pastes a patch of another photograph somewhere over the face, not at its natural place.

    image, donor: (H, W, 3) uint8 RGB; points: (468, 2) pixels. recipe: seam, softness and colour are used.
    """
    return _patch(image, donor, points, donor_points, recipe, rng, "splice")


def _patch(
    image: np.ndarray,
    donor: np.ndarray,
    points: np.ndarray,
    donor_points: np.ndarray,
    recipe: Recipe,
    rng: np.random.Generator,
    way: str,
) -> Forgery:
    width = face_width(points)
    source, place = rng.choice(PATCHED, 2, replace=False)
    scale = width / max(face_width(donor_points), 1.0) * float(rng.uniform(0.9, 1.1))
    matrix = cv2.getRotationMatrix2D((0.0, 0.0), float(rng.uniform(-20, 20)), scale)
    matrix[:, 2] = points[place] - matrix[:, :2] @ donor_points[source]
    height, columns = image.shape[:2]
    moved = cv2.warpAffine(
        donor, matrix, (columns, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    mask = np.zeros(image.shape[:2], np.uint8)
    axes = np.maximum(2, np.round(width * rng.uniform(0.08, 0.2, 2))).astype(int)
    centre = (round(float(points[place, 0])), round(float(points[place, 1])))
    cv2.ellipse(mask, centre, (int(axes[0]), int(axes[1])), float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return blend_donor(image, moved, mask, recipe, width, f"{way}/patch")
