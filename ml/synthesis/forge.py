"""One forgery: a region of a donor's face (or of the same face, retouched) laid over a target's.

Seams range from a hard paste to Poisson blending (Perez et al., 2003). The self-blend follows the idea of Shiohara and
Yamasaki (2022): donor and target are the same photograph, so that only the blending remains to be learned.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ml.synthesis.regions import REGIONS, indices, mask_of

SEAMS = ("hard", "feather", "poisson")
SWAPPED = tuple(REGIONS)
# Regions as often as forgers choose them; the whole face rarely.
WEIGHTS = {"face": 0.5, "inner_face": 0.7}


@dataclass(frozen=True, slots=True)
class Forgery:
    """image: (H, W, 3) uint8 RGB; mask: (H, W) uint8, 255 where the donor shows; kind: '<way>/<region>/<seam>'."""

    image: np.ndarray
    mask: np.ndarray
    kind: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one forgery is made. colour: 0 keeps the donor's colours, 1 takes the target's; grow: mask scale."""

    region: str
    seam: str = "feather"
    softness: float = 0.03  # blur of the seam, as a fraction of the face's width
    grow: float = 1.2
    colour: float = 1.0


def draw_recipe(rng: np.random.Generator, difficulty: float) -> Recipe:
    """A random recipe; difficulty 0 gives hard pastes in foreign colours, 1 the full range up to blended seams."""
    weights = np.array([WEIGHTS.get(region, 1.0) for region in SWAPPED])
    region = SWAPPED[rng.choice(len(SWAPPED), p=weights / weights.sum())]
    seam = "hard" if rng.random() > difficulty else str(rng.choice(SEAMS, p=(0.2, 0.45, 0.35)))
    return Recipe(
        region=region,
        seam=seam,
        softness=float(rng.uniform(0.008, 0.05)),
        grow=float(rng.uniform(1.05, 1.5)) if region != "face" else float(rng.uniform(0.85, 1.02)),
        colour=float(rng.uniform(0.0, 0.6) if difficulty < 0.5 else rng.uniform(0.5, 1.0)),
    )


def swap(
    target: np.ndarray, points: np.ndarray, donor: np.ndarray, donor_points: np.ndarray, recipe: Recipe
) -> Forgery:
    """Lays the donor's region over the target's, aligned by a similarity transform of the region's points.

    target, donor: (H, W, 3) uint8 RGB; points: (468, 2) pixels. Raises ValueError for an unknown region or seam, or
    when the points cannot be aligned.
    """
    if recipe.seam not in SEAMS:
        raise ValueError(f"unknown seam {recipe.seam}: choose one of {', '.join(SEAMS)}")
    chosen = indices(recipe.region)
    matrix, _ = cv2.estimateAffinePartial2D(
        donor_points[chosen].astype(np.float32), points[chosen].astype(np.float32), method=cv2.LMEDS
    )
    if matrix is None:
        raise ValueError("the two faces cannot be aligned: their points are degenerate")
    size = (target.shape[1], target.shape[0])
    shrinks = np.hypot(matrix[0, 0], matrix[1, 0]) < 0.7
    warped = cv2.warpAffine(
        donor,
        matrix,
        size,
        flags=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    mask = mask_of(recipe.region, points, target.shape[:2], recipe.grow)
    return blend_donor(target, warped, mask, recipe, face_width(points), f"swap/{recipe.region}")


def self_blend(target: np.ndarray, points: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> Forgery:
    """The target's own region, moved by up to 2 % of the face, and recoloured, sharpened or softened."""
    width = face_width(points)
    centre = points[indices(recipe.region)].mean(0)
    matrix = cv2.getRotationMatrix2D(
        (float(centre[0]), float(centre[1])), float(rng.uniform(-3, 3)), float(rng.uniform(0.96, 1.05))
    )
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-0.02, 0.02, 2) * width
    size = (target.shape[1], target.shape[0])
    donor = cv2.warpAffine(target, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    donor = _retouch(donor, rng)
    mask = mask_of(recipe.region, points, target.shape[:2], recipe.grow)
    return blend_donor(target, donor, mask, recipe, width, f"self/{recipe.region}")


def _retouch(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out: np.ndarray = image.astype(np.float32)
    out = out * rng.uniform(0.88, 1.12) + rng.uniform(-14, 14, 3)
    blurred = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.6, 1.6)))
    amount = rng.uniform(-0.8, 0.9)  # below 0 sharpens, above 0 softens
    return np.clip(out + amount * (blurred - out), 0, 255).astype(np.uint8)


def face_width(points: np.ndarray) -> float:
    """Pixels from the mesh's left to its right end."""
    return float(np.ptp(points[:, 0]))


def blend_donor(
    target: np.ndarray, donor: np.ndarray, mask: np.ndarray, recipe: Recipe, width: float, way: str
) -> Forgery:
    """`donor` over `target` inside `mask`, with the recipe's colour and seam; `way` begins the forgery's kind.

    target, donor: (H, W, 3) uint8 RGB, already aligned; mask: (H, W) uint8; width: of the face, in pixels.
    """
    donor = _match_colour(donor, target, mask, recipe.colour)
    kind = f"{way}/{recipe.seam}"
    if recipe.seam == "poisson":
        blended = _poisson(target, donor, mask)
        if blended is not None:
            return Forgery(blended, mask, kind)
        kind = f"{way}/feather"  # the region touches the frame: Poisson has no border to start from
    blur = 0.6 if recipe.seam == "hard" else max(0.6, recipe.softness * width)
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), blur)
    image = target + alpha[..., None] * (donor.astype(np.float32) - target)
    return Forgery(np.clip(image + 0.5, 0, 255).astype(np.uint8), (alpha * 255).astype(np.uint8), kind)


def _poisson(target: np.ndarray, donor: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    x, y, w, h = cv2.boundingRect(mask)
    height, width = mask.shape
    if w < 4 or h < 4 or x < 2 or y < 2 or x + w > width - 2 or y + h > height - 2:
        return None
    centre = (x + w // 2, y + h // 2)
    return cv2.seamlessClone(donor, target, mask.copy(), centre, cv2.NORMAL_CLONE)  # it writes into its mask


def _match_colour(donor: np.ndarray, target: np.ndarray, mask: np.ndarray, amount: float) -> np.ndarray:
    """Donor with its mean and spread inside the mask moved towards the target's (Reinhard et al., 2001, in RGB)."""
    inside = mask > 0
    if amount <= 0 or not inside.any():
        return donor
    have, want = donor[inside].astype(np.float32), target[inside].astype(np.float32)
    gain = np.clip((want.std(0) + 1) / (have.std(0) + 1), 0.6, 1.6)
    moved = (donor.astype(np.float32) - have.mean(0)) * gain + want.mean(0)
    return np.clip(donor + amount * (moved - donor), 0, 255).astype(np.uint8)
