"""What is checked of a picture before it may be voted on. Pure Python: the web process reads these names, too.

`detection.faces` measures the checks; `kyc_review` decides by a setting what follows from a failed or doubtful one.
"""

from dataclasses import dataclass
from enum import StrEnum


class CheckName(StrEnum):
    """One property of a picture that a verdict needs."""

    INTACT = "intact"  # no damage, and nothing unknown after the picture's end
    UNIFORM = "uniform"  # the picture has content; a flat one fails
    FACE_FOUND = "face_found"
    SINGLE_FACE = "single_face"
    FACE_SIZE = "face_size"  # pixels between the outer eye corners
    FACE_COMPLETE = "face_complete"  # not cut off by the picture's border
    FACE_VISIBLE = "face_visible"  # neither covered (occluded) nor pixelated
    POSE = "pose"
    SHARPNESS = "sharpness"  # measured on the face
    EXPOSURE = "exposure"  # measured on the face


# They cannot be made without a face: they are doubt then, with the code of `face_found`.
NEEDS_FACE = (
    CheckName.SINGLE_FACE,
    CheckName.FACE_SIZE,
    CheckName.FACE_COMPLETE,
    CheckName.FACE_VISIBLE,
    CheckName.POSE,
    CheckName.SHARPNESS,
    CheckName.EXPOSURE,  # unless the whole picture is dark
)


class CheckStatus(StrEnum):
    """`doubt` lies between the two limits, or the measurement itself failed."""

    PASS = "pass"  # noqa: S105  (a status, no password)
    DOUBT = "doubt"
    FAIL = "fail"


class CheckCode(StrEnum):
    """Why a check did not pass, for programs. Codes may be added; an existing one never changes its meaning."""

    DAMAGED = "damaged"
    TRAILING_DATA = "trailing_data"
    BLANK = "blank"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    FACE_CUT_OFF = "face_cut_off"
    OCCLUDED = "occluded"  # a part of the face is covered, or all of it is pixelated
    TURNED_AWAY = "turned_away"
    NOT_UPRIGHT = "not_upright"  # the face lies on its side or is upside down
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    CHECK_FAILED = "check_failed"  # the check itself raised an error


class Measure(StrEnum):
    """What is measured of a picture or its face; a check has one or more measures."""

    CONTENT = "content"  # grey levels by which the picture departs from its blurred surroundings
    CONFIDENCE = "confidence"  # the detector's, 0..1
    SECOND_FACE = "second_face"  # length of the second largest face as a share of the largest one's
    FACE_AT_BORDER = "face_at_border"  # certainty that the picture's border cuts a second face
    EYE_DISTANCE = "eye_distance"  # pixels between the outer eye corners
    INSIDE = "inside"  # share of the face's outline that lies in the picture
    FLAT_PART = "flat_part"  # share of equal neighbouring pixels in the flattest part of the face
    EYE_DETAIL = "eye_detail"  # fine detail of the eyes, relative to the contrast of the face
    MOUTH_DETAIL = "mouth_detail"  # the same of the mouth
    TONES = "tones"  # how evenly the face's grey levels fill their range
    MOSAIC = "mosaic"  # how far steps at equal distances exceed those between them
    YAW = "yaw"  # degrees, without sign
    PITCH = "pitch"
    ROLL = "roll"
    SHARPNESS = "sharpness"  # share of the face's contrast that lies in fine detail
    LIGHT = "light"  # grey level of the face's brighter parts
    WASHED_OUT = "washed_out"  # share of the face at the top of the range


class Unit(StrEnum):
    """What a measure is counted in."""

    GREY_LEVELS = "grey_levels"  # 0..255
    PIXELS = "pixels"
    DEGREES = "degrees"
    SHARE = "share"  # 0..1
    RATIO = "ratio"  # 0 and more


UNITS: dict[Measure, Unit] = {
    Measure.CONTENT: Unit.GREY_LEVELS,
    Measure.CONFIDENCE: Unit.SHARE,
    Measure.SECOND_FACE: Unit.SHARE,
    Measure.FACE_AT_BORDER: Unit.SHARE,
    Measure.EYE_DISTANCE: Unit.PIXELS,
    Measure.INSIDE: Unit.SHARE,
    Measure.FLAT_PART: Unit.SHARE,
    Measure.EYE_DETAIL: Unit.RATIO,
    Measure.MOUTH_DETAIL: Unit.RATIO,
    Measure.TONES: Unit.RATIO,
    Measure.MOSAIC: Unit.RATIO,
    Measure.YAW: Unit.DEGREES,
    Measure.PITCH: Unit.DEGREES,
    Measure.ROLL: Unit.DEGREES,
    Measure.SHARPNESS: Unit.SHARE,
    Measure.LIGHT: Unit.GREY_LEVELS,
    Measure.WASHED_OUT: Unit.SHARE,
}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `value` and `limit` are in the unit of `measure`; None where nothing is measured.

    `limit` is the bound that `value` missed, or, for a pass, the bound that it had to reach. `code` is None for a pass.
    """

    name: CheckName
    status: CheckStatus
    value: float | None = None
    limit: float | None = None
    code: CheckCode | None = None
    measure: Measure | None = None

    def __post_init__(self) -> None:
        if (self.code is None) != (self.status is CheckStatus.PASS):
            raise ValueError(f"{self.name}: a check has a code exactly when it does not pass")
