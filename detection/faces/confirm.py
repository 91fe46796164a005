"""Whether what BlazeFace proposes is a face: the mesh's look at it, and its own in squares of comparable size."""

import math
from dataclasses import dataclass, replace

import numpy as np

from detection.faces import blazeface, mesh
from detection.faces.align import Square
from detection.faces.blazeface import SHORT_RANGE, Detection, Layout
from detection.faces.detector import Face
from detection.faces.picture import Picture

CONFIDENCE_MIN = 0.4
PRESENCE_MIN = 0.5
PRESENCE_SURE = 0.9
LOOKS_MAX = 5
# Radians.
LEVEL = 0.12
# BlazeFace's score depends on how large a face is in its square; these squares, in faces, make scores comparable.
SEEN_IN = (2.0, 1.5, 3.0)
SCORE_AT_ONCE = 0.75
# Both models take some upside-down faces for upright ones, lower in the picture, with a lower score than turned the
# right way: at most 1 % of 80 faces each of four data sets had a higher one, and none a score above this.
UPRIGHT_AT_ONCE = 0.85
TURNED_FACE_ABOVE = 0.22  # of the mesh's square; measured 0.18 to 0.28
SCORE_MIN = 0.05


@dataclass(frozen=True, slots=True)
class Proposal:
    """What BlazeFace takes for a face: the square for the mesh, turned as the eyes are, and its score.

    is_comparable: whether it was seen in a square of a size of SEEN_IN, by the model of SEEN_IN.
    """

    square: Square
    score: float
    is_comparable: bool

    @classmethod
    def of(cls, seen: Square, layout: Layout, detection: Detection) -> "Proposal":
        square = blazeface.face_square(seen, detection, mesh.LOOK_MARGIN)
        times = seen.edge / (square.edge / mesh.LOOK_MARGIN)
        comparable = layout is SHORT_RANGE and min(SEEN_IN) <= times <= max(SEEN_IN)
        return cls(square, detection.score, comparable)


def confirmed(picture: Picture, proposal: Proposal) -> Face | None:
    """The face that BlazeFace proposes, None if there is none."""
    points, presence = _mesh_settled(picture, proposal.square)
    if presence < PRESENCE_MIN:
        return None
    found = mesh.square_around(points)
    if proposal.is_comparable and proposal.score >= UPRIGHT_AT_ONCE and _is_near(proposal.square, found):
        score = proposal.score
    else:
        score = _score(picture, found, SEEN_IN[0])
    if score < UPRIGHT_AT_ONCE:
        turned = _turned(found)
        if _score(picture, turned, SEEN_IN[0]) > score:
            points, presence = _mesh_settled(picture, turned)
            found = mesh.square_around(points)
            score = _score(picture, found, SEEN_IN[0])
    if score < SCORE_AT_ONCE:
        score = sorted([score, *(_score(picture, found, times) for times in SEEN_IN[1:])])[1]
    confidence = min(presence, score)
    return mesh.face(points, confidence) if confidence >= CONFIDENCE_MIN else None


def _turned(square: Square) -> Square:
    """Where an upside-down face is that the mesh took for an upright one in `square`."""
    up = TURNED_FACE_ABOVE * square.edge
    x, y = square.x + math.sin(square.angle) * up, square.y - math.cos(square.angle) * up
    return Square(x, y, square.edge, math.remainder(square.angle + math.pi, 2 * math.pi))


def _score(picture: Picture, square: Square, times: float) -> float:
    """BlazeFace's score of the face in the square of a mesh, in a square `times` as large as the face; 0..1."""
    edge = square.edge / mesh.LOOK_MARGIN
    seen = _levelled(replace(square, edge=edge * times))
    pixels = picture.pixels(seen, SHORT_RANGE.side, repeat_border=False)
    scores = [0.0]
    for detection in blazeface.look(pixels, SHORT_RANGE, SCORE_MIN):
        place = blazeface.face_square(seen, detection, 1.0)
        if _is_near(place, square):
            scores.append(detection.score)
    return max(scores)


def _is_near(first: Square, second: Square) -> bool:
    """Whether their middles are at most a quarter of a face apart; `second` is a square of a mesh."""
    return math.hypot(first.x - second.x, first.y - second.y) < second.edge / mesh.LOOK_MARGIN / 4


def _mesh_settled(picture: Picture, square: Square) -> tuple[np.ndarray, float]:
    """`mesh.look`, again and again while the points lie elsewhere than expected."""
    points, presence = _mesh_once(picture, square)
    for _ in range(LOOKS_MAX - 1):
        again = mesh.square_around(points)
        if presence < PRESENCE_MIN or (presence >= PRESENCE_SURE and _agree(square, again)):
            break
        square = again
        points, presence = _mesh_once(picture, square)
    return points, presence


def _mesh_once(picture: Picture, square: Square) -> tuple[np.ndarray, float]:
    square = _levelled(square)
    return mesh.look(picture.pixels(square, mesh.SIDE), square)


def _levelled(square: Square) -> Square:
    """Without its turn if that is small: the models take a little roll, and sampling is quicker then."""
    return replace(square, angle=0.0) if abs(square.angle) < LEVEL else square


def _agree(first: Square, second: Square) -> bool:
    """Whether a second look would show about the same."""
    moved = math.hypot(first.x - second.x, first.y - second.y) / first.edge
    turned = abs(math.remainder(first.angle - second.angle, 2 * math.pi))
    return moved < 0.06 and 0.93 < second.edge / first.edge < 1.1 and turned < LEVEL
