"""A second face that the left or right border of the picture cuts.

Detectors miss half a face. A face is nearly symmetric, so the picture is mirrored at its border: there, half a face
becomes a whole one that BlazeFace finds.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from detection.faces import blazeface
from detection.faces.align import Square
from detection.faces.blazeface import SHORT_RANGE, Detection
from detection.faces.confirm import SCORE_MIN
from detection.faces.detector import Face
from detection.faces.mediapipe import outlines_to_cover
from detection.faces.picture import Picture

# All in lengths of the largest face. The edges of the squares around the border that are searched: what the first look
# takes for a face, a closer one has to confirm, because hair mirrored at the border looks like one.
FIRST_LOOK, CLOSER_LOOK = 3.0, 2.0
# How much the closer look stretches the mirrored part to the sides: of less than half a face, mirroring alone makes a
# narrow one.
STRETCHES = (1.0, 1.25)
# Between the face and the border; where there is less, no second face fits.
ROOM_MIN = 0.2
SIZE_MIN = 0.3
OFF_BORDER_MAX = 0.35


def face_cut_by_border(picture: Picture, faces: Sequence[Face], *, score_min: float) -> float:
    """BlazeFace's score, 0..1, of a face mirrored at the left or right border; 0 without one.

    faces: those found in `picture`, the largest first; at least one. They are covered. score_min: a lower
    score of the first look is not confirmed by a closer one.
    """
    face, image = faces[0], picture.image
    length = face.length
    rooms = {0: face.box.left, image.width: image.width - face.box.right}
    borders = [x for x, room in rooms.items() if room >= ROOM_MIN * length]
    if not borders or not 0 <= _middle(face) <= image.height:
        return 0.0
    picture = picture.covering(outlines_to_cover(faces))
    first = _first_scores([_mirrored_at(picture, face, x, FIRST_LOOK) for x in borders])
    scores = []
    for x, score in zip(borders, first, strict=True):
        if score >= score_min:
            closer = [_mirrored_at(picture, face, x, CLOSER_LOOK, stretch) for stretch in STRETCHES]
            score = min(score, max(_best_score(_found(seen), CLOSER_LOOK, 0.5) for seen in closer))
        scores.append(score)
    return max(scores)


def _first_scores(seen: Sequence[np.ndarray]) -> list[float]:
    """One score for each of one or two mirrored squares. Of two, the middle halves share one look, which costs time."""
    if len(seen) == 1:
        return [_best_score(_found(seen[0]), FIRST_LOOK, 0.5)]
    quarter = seen[0].shape[1] // 4
    found = _found(np.concatenate([one[:, quarter:-quarter] for one in seen], axis=1))
    return [_best_score(found, FIRST_LOOK, centre) for centre in (0.25, 0.75)]


def _mirrored_at(picture: Picture, face: Face, border: int, look: float, stretch: float = 1.0) -> np.ndarray:
    """(side, side, 3) uint8: the square around the border, with the part beyond it mirrored."""
    square = Square(float(border), _middle(face), look * face.length)
    pixels = picture.pixels(square, SHORT_RANGE.side, repeat_border=False)
    return _mirrored(pixels, stretch, keeps_right_half=border == 0)


def _middle(face: Face) -> float:
    return (face.box.top + face.box.bottom) / 2


def _mirrored(pixels: np.ndarray, stretch: float, *, keeps_right_half: bool) -> np.ndarray:
    """(side, side, 3) uint8 whose halves are mirror images, made of one of them; the border lies in the middle."""
    side = pixels.shape[1]
    half = pixels[:, side // 2 :] if keeps_right_half else pixels[:, side // 2 - 1 :: -1]
    if stretch > 1:
        at_border = Image.fromarray(half[:, : round(side / 2 / stretch)])
        half = np.asarray(at_border.resize((side // 2, side), Image.Resampling.BILINEAR))
    return np.concatenate([half[:, ::-1], half], axis=1)


def _found(pixels: np.ndarray) -> list[Detection]:
    return blazeface.look(pixels, SHORT_RANGE, SCORE_MIN)


def _best_score(found: Sequence[Detection], look: float, centre: float) -> float:
    """The best score of a detection at the border; 0 without one.

    look: edge of the square that was searched, in face lengths; centre: where the border lies in it, 0..1.
    """
    scores = [0.0]
    for detection in found:
        left, _, right, _ = (detection.box * look).tolist()
        if right - left >= SIZE_MIN and abs((left + right) / 2 - centre * look) <= OFF_BORDER_MAX:
            scores.append(detection.score)
    return max(scores)
