"""The limits of all checks in one table. How they were chosen, and what they cost, is in docs/faces.md.

Lengths are pixels of the picture after its longer side was reduced to 2048; shares are from 0 to 1.
"""

from dataclasses import dataclass

from detection.checks import CheckCode, CheckName, CheckStatus, Measure


@dataclass(frozen=True, slots=True)
class Limit:
    """A measure passes from `passes` on, and fails beyond `fails`; between them is doubt."""

    check: CheckName
    code: CheckCode
    passes: float
    fails: float

    @property
    def is_low_better(self) -> bool:
        return self.passes < self.fails

    def status(self, value: float) -> CheckStatus:
        """NaN never passes."""
        sign = -1.0 if self.is_low_better else 1.0
        if sign * value >= sign * self.passes:
            return CheckStatus.PASS
        return CheckStatus.FAIL if sign * value < sign * self.fails else CheckStatus.DOUBT

    def missed(self, value: float) -> float:
        """The bound that a value missed; for a pass, the bound that it had to reach."""
        return self.fails if self.status(value) is CheckStatus.FAIL else self.passes


LIMITS: dict[Measure, Limit] = {
    Measure.CONTENT: Limit(CheckName.UNIFORM, CheckCode.BLANK, passes=6.0, fails=3.5),
    Measure.CONFIDENCE: Limit(CheckName.FACE_FOUND, CheckCode.NO_FACE, passes=0.7, fails=0.5),
    Measure.SECOND_FACE: Limit(CheckName.SINGLE_FACE, CheckCode.SEVERAL_FACES, passes=0.2, fails=0.5),
    # Half a face is never sure enough to send the picture back.
    Measure.FACE_AT_BORDER: Limit(CheckName.SINGLE_FACE, CheckCode.SEVERAL_FACES, passes=0.7, fails=1.0),
    Measure.EYE_DISTANCE: Limit(CheckName.FACE_SIZE, CheckCode.FACE_TOO_SMALL, passes=45.0, fails=30.0),
    Measure.INSIDE: Limit(CheckName.FACE_COMPLETE, CheckCode.FACE_CUT_OFF, passes=0.9, fails=0.7),
    Measure.FLAT_PART: Limit(CheckName.FACE_VISIBLE, CheckCode.OCCLUDED, passes=0.1, fails=0.2),
    Measure.EYE_DETAIL: Limit(CheckName.FACE_VISIBLE, CheckCode.OCCLUDED, passes=0.2, fails=0.13),
    Measure.MOUTH_DETAIL: Limit(CheckName.FACE_VISIBLE, CheckCode.OCCLUDED, passes=0.13, fails=0.1),
    Measure.TONES: Limit(CheckName.FACE_VISIBLE, CheckCode.OCCLUDED, passes=0.3, fails=0.15),
    Measure.MOSAIC: Limit(CheckName.FACE_VISIBLE, CheckCode.OCCLUDED, passes=2.1, fails=2.6),
    Measure.YAW: Limit(CheckName.POSE, CheckCode.TURNED_AWAY, passes=40.0, fails=60.0),
    Measure.PITCH: Limit(CheckName.POSE, CheckCode.TURNED_AWAY, passes=35.0, fails=50.0),
    Measure.ROLL: Limit(CheckName.POSE, CheckCode.NOT_UPRIGHT, passes=40.0, fails=70.0),
    Measure.SHARPNESS: Limit(CheckName.SHARPNESS, CheckCode.BLURRED, passes=0.175, fails=0.125),
    Measure.LIGHT: Limit(CheckName.EXPOSURE, CheckCode.TOO_DARK, passes=60.0, fails=30.0),
    Measure.WASHED_OUT: Limit(CheckName.EXPOSURE, CheckCode.TOO_BRIGHT, passes=0.2, fails=0.5),
}
