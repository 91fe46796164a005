"""One forgery of a whole picture for the live queue: a drawn kind of edit, in a file like the original's."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detection.decoding import decode
from detection.faces.default import largest_mesh
from ml.synthesis.edits import copy_move, retouch, splice, warp
from ml.synthesis.forge import Forgery, draw_recipe, face_width, self_blend, swap
from ml.synthesis.forged_rows import MATCHED, WAYS, edit_strength
from ml.synthesis.matched import describe_appearance, matching_donor, mesh_swap
from ml.synthesis.measure import MIN_SCORE
from ml.synthesis.same_container import NotRewritable, rewrite

# As in training, and swaps by the mesh, which are nearest to a careful forger's.
SHARES = {way: share / 1.3 for way, share in {**WAYS, MATCHED: 0.3}.items()}
NEED_DONOR = {"swap", "splice", MATCHED}
ROOM = 0.6  # around the face, as a share of its width: what an edit works on
STRENGTH_MIN = 3.0  # grey levels, the mean inside of the edit: less is no forgery that anybody could find
FACE_WIDTH_MAX = 1500  # pixels; an edit of a larger one takes minutes


class NotForgeable(ValueError):
    """No forgery can be made of this picture; the text says why."""


@dataclass(frozen=True, slots=True)
class Planted:
    """content: the file; kind: '<way>/<region>/<seam>' or the like; difficulty: of the edit, 0 obvious to 1 careful."""

    content: bytes
    kind: str
    difficulty: float

    @property
    def way(self) -> str:
        return self.kind.partition("/")[0]


def forge_like(
    original: bytes, donors: Sequence[bytes], rng: np.random.Generator, *, later: dt.timedelta
) -> Planted:
    """A forgery of `original` with an edit drawn from SHARES, in a file of the same format, tables and metadata.

    donors: files of other faces; without one, only edits that need none are drawn. later: added to the times in the
    metadata. Raises NotForgeable, and ImageRefused for a broken file.
    """
    image, points = _face(original)
    ways = {way: share for way, share in SHARES.items() if donors or way not in NEED_DONOR}
    total = sum(ways.values())
    way = str(rng.choice(list(ways), p=[share / total for share in ways.values()]))
    # Rather careful edits: obvious ones measure little.
    difficulty = float(rng.uniform(0.3, 1.0))
    box = _box(points, image.shape[:2])
    part, inside = image[box], points - np.array([box[1].start, box[0].start], np.float32)
    forged = _edited(way, part, inside, donors, difficulty, rng)
    if edit_strength(forged, part) < STRENGTH_MIN:
        raise NotForgeable("the edit cannot be seen")
    whole = image.copy()
    whole[box] = forged.image
    try:
        content = rewrite(original, whole, later=later)
    except NotRewritable as refusal:
        raise NotForgeable(str(refusal)) from refusal
    return Planted(content, forged.kind, difficulty)


def _edited(
    way: str,
    image: np.ndarray,
    points: np.ndarray,
    donors: Sequence[bytes],
    difficulty: float,
    rng: np.random.Generator,
) -> Forgery:
    try:
        if way == "warp":
            return warp(image, points, difficulty, rng)
        if way == "retouch":
            return retouch(image, points, difficulty, rng)
        recipe = draw_recipe(rng, difficulty)
        if way == "self":
            return self_blend(image, points, recipe, rng)
        if way == "copymove":
            return copy_move(image, points, recipe, rng)
        donor, donor_points = _donor(image, points, donors, rng)
        if way == "splice":
            return splice(image, points, donor, donor_points, recipe, rng)
        make = mesh_swap if way == MATCHED else swap
        return make(image, points, donor, donor_points, recipe)
    except ValueError as error:
        raise NotForgeable(str(error)) from error


def _donor(
    image: np.ndarray, points: np.ndarray, donors: Sequence[bytes], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One of those that look most like the target."""
    faces = [_face(donor) for donor in donors]
    looks = np.stack([describe_appearance(*face) for face in [(image, points), *faces]])
    return faces[matching_donor(looks, 0, range(1, len(looks)), rng) - 1]


def _face(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    picture = decode(data)
    points, confidence = largest_mesh(picture) or (None, 0.0)
    if points is None or confidence < MIN_SCORE:
        raise NotForgeable("no face is found in it")
    if face_width(points) > FACE_WIDTH_MAX:
        raise NotForgeable("its face is too large to be edited in time")
    return np.asarray(picture), points


def _box(points: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the face with ROOM around it."""
    room = ROOM * face_width(points)
    left, top = np.maximum(np.floor(points.min(0) - room), 0).astype(int)
    right, bottom = np.ceil(points.max(0) + room).astype(int)
    return slice(int(top), min(int(bottom), shape[0])), slice(int(left), min(int(right), shape[1]))
