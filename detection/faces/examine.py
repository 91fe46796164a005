"""All checks of one picture. Nothing is raised: what cannot be measured is doubt, and doubt never clears a picture."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from detection.checks import NEEDS_FACE, Check, CheckCode, CheckName, CheckStatus, Measure
from detection.faces import measures
from detection.faces.align import FaceFrame
from detection.faces.at_border import face_cut_by_border
from detection.faces.default import default_detector
from detection.faces.detector import Face, FaceDetector
from detection.faces.limits import LIMITS
from detection.faces.picture import Picture
from detection.faces.visibility import FaceVisibility

UNKNOWN = "unknown"  # the kind of trailing data that no reader of the decoder knows

_log = logging.getLogger(__name__)
_SEVERITY = {CheckStatus.PASS: 0, CheckStatus.DOUBT: 1, CheckStatus.FAIL: 2}
_Values = Callable[[], Mapping[Measure, float]]


class Trailing(Protocol):
    """Data after the end of a picture, as the decoder identified it."""

    @property
    def kind(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PictureReport:
    """The faces, the largest first; one check of each CheckName; the frame of the largest face, if there is one."""

    faces: tuple[Face, ...]
    checks: tuple[Check, ...]
    frame: FaceFrame | None


def examine(
    image: Image.Image,
    *,
    damage: str | None = None,
    trailing: Sequence[Trailing] = (),
    detector: FaceDetector | None = None,
) -> PictureReport:
    """Make every check of an upright RGB picture. Raises nothing.

    damage: what the decoder found broken, in words; trailing: what follows the picture in its file.
    """
    picture = Picture(image)
    faces: tuple[Face, ...] = ()
    frame, searched = None, True
    try:
        faces = tuple((detector or default_detector()).find(picture))
        frame = FaceFrame.of(faces[0], image.size) if faces else None
    except Exception:
        _log.exception("the face detector failed")
        faces, searched = (), False
    uniform = _check(CheckName.UNIFORM, lambda: {Measure.CONTENT: measures.content(picture)})
    if frame is not None:
        checks = [
            _intact(damage, trailing),
            _uniform_with_face(uniform, faces[0]),
            *_of_face(picture, faces, frame),
        ]
    else:
        checks = [_intact(damage, trailing), uniform, *_without_face(picture, uniform, searched)]
    return PictureReport(faces, tuple(checks), frame)


def _uniform_with_face(uniform: Check, face: Face) -> Check:
    """The check `uniform`, corrected for a picture with a face: a face is content, however plain the wall behind it.

    A face that was found for sure makes the check pass; a doubtful one makes a failure a doubt.
    """
    if uniform.status is CheckStatus.PASS or uniform.code is CheckCode.CHECK_FAILED:
        return uniform
    limit = LIMITS[Measure.CONTENT]
    match LIMITS[Measure.CONFIDENCE].status(face.confidence):
        case CheckStatus.PASS:
            return Check(CheckName.UNIFORM, CheckStatus.PASS)
        case CheckStatus.DOUBT:
            return replace(uniform, status=CheckStatus.DOUBT, limit=limit.passes)
    return uniform


def _intact(damage: str | None, trailing: Sequence[Trailing]) -> Check:
    if damage is not None:
        return Check(CheckName.INTACT, CheckStatus.FAIL, code=CheckCode.DAMAGED)
    if any(part.kind == UNKNOWN for part in trailing):
        return Check(CheckName.INTACT, CheckStatus.DOUBT, code=CheckCode.TRAILING_DATA)
    return Check(CheckName.INTACT, CheckStatus.PASS)


def _of_face(picture: Picture, faces: Sequence[Face], frame: FaceFrame) -> list[Check]:
    face, image = faces[0], picture.image
    pixels = measures.FacePixels(image, frame)
    sharpness = _check(CheckName.SHARPNESS, lambda: {Measure.SHARPNESS: pixels.sharpness})
    return [
        _check(CheckName.FACE_FOUND, lambda: {Measure.CONFIDENCE: face.confidence}),
        _single_face(picture, faces),
        _check(CheckName.FACE_SIZE, lambda: {Measure.EYE_DISTANCE: frame.eye_distance}),
        _check(CheckName.FACE_COMPLETE, lambda: {Measure.INSIDE: measures.inside(face, image.size)}),
        _visible(FaceVisibility(image, face, frame), is_sharp=sharpness.status is CheckStatus.PASS),
        _check(
            CheckName.POSE,
            lambda: {
                Measure.YAW: abs(face.pose.yaw),
                Measure.PITCH: abs(face.pose.pitch),
                Measure.ROLL: abs(face.pose.roll),
            },
        ),
        sharpness,
        _check(
            CheckName.EXPOSURE,
            lambda: {Measure.LIGHT: pixels.light, Measure.WASHED_OUT: pixels.washed_out},
        ),
    ]


def _single_face(picture: Picture, faces: Sequence[Face]) -> Check:
    """A face that the border cuts is searched only where no whole second face decides."""
    second = faces[1].length / faces[0].length if len(faces) > 1 else 0.0
    if LIMITS[Measure.SECOND_FACE].status(second) is not CheckStatus.PASS:
        return _check(CheckName.SINGLE_FACE, lambda: {Measure.SECOND_FACE: second})
    return _check(
        CheckName.SINGLE_FACE,
        lambda: {
            Measure.SECOND_FACE: second,
            Measure.FACE_AT_BORDER: face_cut_by_border(
                picture, faces, score_min=LIMITS[Measure.FACE_AT_BORDER].passes
            ),
        },
    )


def _visible(face: FaceVisibility, *, is_sharp: bool) -> Check:
    """A face that is too small has no detail that could be covered: whether it is remains unknown.

    Blur takes the detail of eyes and mouth as a covering does. In a face that is not sharp, missing detail is doubt
    with the code of the blur; painted bars, few tones and mosaics are told from blur and count as in a sharp one.
    """
    if LIMITS[Measure.EYE_DISTANCE].status(face.frame.eye_distance) is CheckStatus.FAIL:
        return Check(CheckName.FACE_VISIBLE, CheckStatus.DOUBT, code=CheckCode.FACE_TOO_SMALL)
    found = _check(
        CheckName.FACE_VISIBLE,
        lambda: {
            Measure.FLAT_PART: face.flat_part,
            Measure.EYE_DETAIL: face.eye_detail,
            Measure.MOUTH_DETAIL: face.mouth_detail,
            Measure.TONES: face.tones,
            Measure.MOSAIC: face.mosaic,
        },
    )
    if is_sharp or found.status is CheckStatus.PASS or found.code is CheckCode.CHECK_FAILED:
        return found
    found = _check(
        CheckName.FACE_VISIBLE,
        lambda: {
            Measure.FLAT_PART: face.flat_part,
            Measure.TONES: face.tones,
            Measure.MOSAIC: face.mosaic,
        },
    )
    if found.status is CheckStatus.PASS:
        return Check(CheckName.FACE_VISIBLE, CheckStatus.DOUBT, code=CheckCode.BLURRED)
    return found


def _without_face(picture: Picture, uniform: Check, searched: bool) -> list[Check]:
    """Checks of a face cannot be made; `searched` is False when the detector failed.

    Of the whole picture only darkness is told, and only where nothing else can be seen in it: that is why no face was
    found. A white page is well lit, and a dark page with text shows that there was light enough.
    """
    code = CheckCode.NO_FACE if searched else CheckCode.CHECK_FAILED
    limit = LIMITS[Measure.CONFIDENCE]
    found = Check(CheckName.FACE_FOUND, CheckStatus.DOUBT, code=code)
    if searched:
        found = Check(limit.check, CheckStatus.FAIL, 0.0, limit.fails, code, Measure.CONFIDENCE)
    missing = [name for name in NEEDS_FACE if name is not CheckName.EXPOSURE]
    exposure = _check(CheckName.EXPOSURE, lambda: {Measure.LIGHT: measures.picture_light(picture)})
    if exposure.status is CheckStatus.PASS or uniform.status is CheckStatus.PASS:
        exposure = Check(CheckName.EXPOSURE, CheckStatus.DOUBT, code=code)
    return [found, *(Check(name, CheckStatus.DOUBT, code=code) for name in missing), exposure]


def _check(name: CheckName, values: _Values) -> Check:
    """The worst of a check's measures; the first of those that are equally good or bad."""
    try:
        made = [_of_measure(measure, value) for measure, value in values().items()]
        return max(made, key=lambda check: _SEVERITY[check.status])
    except Exception:
        _log.exception("the check %s failed", name)
        return Check(name, CheckStatus.DOUBT, code=CheckCode.CHECK_FAILED)


def _of_measure(measure: Measure, value: float) -> Check:
    limit = LIMITS[measure]
    status = limit.status(value)
    code = None if status is CheckStatus.PASS else limit.code
    return Check(limit.check, status, round(value, 4), limit.missed(value), code, measure)
