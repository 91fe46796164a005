"""The face detector in use: BlazeFace proposes, MediaPipe's face mesh confirms and gives the points.

Two looks at the whole picture find large and small faces. Only when they find none for sure does the search go on: with
a margin around the picture, with the picture on its side or upside down, and in ever smaller parts. At the end the
faces found are covered, and a last look around the largest one finds a face partly behind it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from detection.faces import blazeface, mesh
from detection.faces.align import Square
from detection.faces.blazeface import FULL_RANGE, SHORT_RANGE, Layout, overlap
from detection.faces.confirm import Proposal, confirmed
from detection.faces.detector import Box, Face
from detection.faces.picture import Picture

SCORE_MIN = 0.5
# BlazeFace is less sure of small faces; what it proposes is confirmed at a closer look.
SCORE_MIN_SMALL = 0.25
# Of the longer side; where the largest face is smaller, others of its size may be too small for a look at the whole.
SMALL_FACE = 0.2
# Below, the search goes on.
CONFIDENCE_SURE = 0.7
# Faces that fill the picture are found when it is seen from a little further away.
FURTHER_AWAY = 1.6
# Parts of the picture, as shares of its longer side, in which small faces are searched. They overlap by half.
PARTS = (0.5, 0.25)
# Smaller parts would only be enlarged.
PART_PIXELS_MIN = 200
# A crowd is several faces, however many: this bounds the time that a picture can take.
CANDIDATES_MAX = 8
# In lengths of the largest face: the square around it in which one partly behind it is searched.
BEHIND_FACE = 2.5
# The border of a covered face must not show, so slightly more is covered.
COVERED = 1.05
SAME_FACE_OVERLAP = 0.3
# Of the eye distance: faces whose eye corners lie further apart are two, one partly behind the other.
SAME_FACE_EYES = 0.35
# Degrees. The mesh of a face that was taken for an upside-down one lies elsewhere: only overlap tells that it is a
# double.
SAME_DIRECTION = 45.0


@dataclass(frozen=True, slots=True)
class _Look:
    """One square in which BlazeFace looks, and the score that a face needs there."""

    square: Square
    layout: Layout
    score_min: float = SCORE_MIN


class MediaPipeDetector:
    """Keeps no state: interpreters belong to the thread that uses them."""

    def find(self, picture: Image.Image | Picture) -> list[Face]:
        """See FaceDetector."""
        picture = Picture.of(picture)
        size = picture.image.size
        faces: list[Face] = []
        for looks in _searches(size):
            found: list[Face] = []
            for step in looks:
                _add(picture, step, found)
            # A face whose direction was mistaken is found with little confidence; a later search may do better.
            faces = _without_doubles(found + faces)
            if any(face.confidence >= CONFIDENCE_SURE for face in found):
                break
        edge = PARTS[0] * max(size)
        if faces and edge >= PART_PIXELS_MIN and _are_small(faces, size):
            for step in _look_at_parts(size, edge):
                _add(picture, step, faces)
        return sorted(faces + _behind(picture, faces), key=lambda face: -face.length)


def _searches(size: tuple[int, int]) -> Iterator[list[_Look]]:
    """Each list is one search; the next one follows when it found nothing."""
    whole = Square(size[0] / 2, size[1] / 2, float(max(size)))
    yield [_Look(whole, SHORT_RANGE), _Look(whole, FULL_RANGE, SCORE_MIN_SMALL)]
    yield [_Look(replace(whole, edge=whole.edge * FURTHER_AWAY), SHORT_RANGE)]
    yield [_Look(replace(whole, angle=quarter * math.pi / 2), SHORT_RANGE) for quarter in (2, 1, 3)]
    for share in PARTS:
        edge = share * whole.edge
        if edge >= PART_PIXELS_MIN:
            yield _look_at_parts(size, edge)


def _look_at_parts(size: tuple[int, int], edge: float) -> list[_Look]:
    return [_Look(part, FULL_RANGE) for part in _parts(size, edge)]


def _parts(size: tuple[int, int], edge: float) -> Iterator[Square]:
    """Squares that cover the picture and overlap by at least half."""
    columns, rows = (max(1, math.ceil(2 * (length - edge) / edge) + 1) for length in size)
    for row in range(rows):
        for column in range(columns):
            x, y = (
                length / 2 if count == 1 else edge / 2 + (length - edge) * number / (count - 1)
                for length, count, number in ((size[0], columns, column), (size[1], rows, row))
            )
            yield Square(x, y, edge)


def _add(picture: Picture, step: _Look, faces: list[Face]) -> None:
    """Look once, and add the faces that were not found before."""
    pixels = picture.pixels(step.square, step.layout.side, repeat_border=False)
    for detection in blazeface.look(pixels, step.layout, step.score_min)[:CANDIDATES_MAX]:
        if len(faces) >= CANDIDATES_MAX:
            return
        proposal = Proposal.of(step.square, step.layout, detection)
        if any(_holds(face.box, proposal.square) for face in faces):
            continue
        face = confirmed(picture, proposal)
        if face is not None:
            faces[:] = _without_doubles([*faces, face])


def _behind(picture: Picture, faces: list[Face]) -> list[Face]:
    """Faces partly behind the largest one of `faces`.

    The mesh slides from a face that is half hidden onto the whole one in front of it, which is therefore covered.
    """
    if not faces:
        return []
    box = max(faces, key=lambda face: face.length).box
    edge = BEHIND_FACE * max(box.width, box.height)
    around = Square((box.left + box.right) / 2, (box.top + box.bottom) / 2, edge)
    found: list[Face] = []
    _add(picture.covering(outlines_to_cover(faces)), _Look(around, SHORT_RANGE), found)
    return [face for face in found if not any(_are_one(face, other) for other in faces)]


def outlines_to_cover(faces: Sequence[Face]) -> list[np.ndarray]:
    """(n, 2) polygons that hide the faces, slightly larger than their outlines."""
    outlines = [face.landmarks.outline for face in faces]
    middles = [outline.mean(0) for outline in outlines]
    return [middle + COVERED * (outline - middle) for outline, middle in zip(outlines, middles, strict=True)]


def _holds(box: Box, square: Square) -> bool:
    """Whether a detection has the middle and about the size of a known face, which then needs no second look."""
    edge = max(box.width, box.height)
    near = math.hypot(square.x - (box.left + box.right) / 2, square.y - (box.top + box.bottom) / 2) < edge / 3
    return near and 0.5 < square.edge / mesh.LOOK_MARGIN / edge < 2


def _without_doubles(faces: list[Face]) -> list[Face]:
    """The faces, with only the surest of several meshes of one face."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if not any(_are_one(face, other) for other in kept):
            kept.append(face)
    return kept


def _are_one(first: Face, second: Face) -> bool:
    """Whether two meshes lie on the same face."""
    if overlap(np.array(_edges(first.box)), np.array([_edges(second.box)]))[0] <= SAME_FACE_OVERLAP:
        return False
    if abs(math.remainder(first.pose.roll - second.pose.roll, 360)) > SAME_DIRECTION:
        return True
    one, other = first.landmarks, second.landmarks
    right = math.dist(one.right_eye_outer, other.right_eye_outer)
    left = math.dist(one.left_eye_outer, other.left_eye_outer)
    return (right + left) / 2 <= SAME_FACE_EYES * max(one.eye_distance, other.eye_distance)


def _are_small(faces: list[Face], size: tuple[int, int]) -> bool:
    return max(max(face.box.width, face.box.height) for face in faces) < SMALL_FACE * max(size)


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom
