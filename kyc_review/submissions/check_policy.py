"""What the bank makes of a check that did not pass: `resubmit`, `review` or `ignore`. The settings import it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from detection.checks import Check, CheckCode, CheckName, CheckStatus


class Action(StrEnum):
    """What follows from a check that did not pass."""

    RESUBMIT = "resubmit"  # the applicant is asked for another picture at once
    REVIEW = "review"  # a person decides
    IGNORE = "ignore"  # nothing: the bank accepts the risk


Policy = Mapping[tuple[CheckName, CheckStatus], Action]

# Where a new selfie is all that helps, the applicant is told at once; what is evidence, or in doubt, goes to a person.
SENT_BACK_WHEN_FAILED = (
    CheckName.UNIFORM,
    CheckName.FACE_FOUND,
    CheckName.SINGLE_FACE,
    CheckName.FACE_SIZE,
    CheckName.SHARPNESS,
    CheckName.EXPOSURE,
)
DEFAULT: Policy = {
    (name, status): Action.RESUBMIT
    if status is CheckStatus.FAIL and name in SENT_BACK_WHEN_FAILED
    else Action.REVIEW
    for name in CheckName
    for status in (CheckStatus.DOUBT, CheckStatus.FAIL)
}
# What the applicant is told when several checks ask for another picture: the cause before what it led to. Darkness
# makes a picture uniform and hides a face, several people are smaller than one, and a face that is small, cut off,
# turned, covered or blurred is found with less confidence.
_CAUSES_FIRST = (
    CheckName.INTACT,
    CheckName.EXPOSURE,
    CheckName.UNIFORM,
    CheckName.SINGLE_FACE,
    CheckName.FACE_SIZE,
    CheckName.FACE_COMPLETE,
    CheckName.POSE,
    CheckName.FACE_VISIBLE,
    CheckName.SHARPNESS,
    CheckName.FACE_FOUND,
)
# Every check: one that the order above leaves out could otherwise never send a picture back.
TOLD_FIRST = tuple(dict.fromkeys((*_CAUSES_FIRST, *CheckName)))
# They fail for what could be a face and explain, even where the policy leaves them to a person, why it was not found.
EXPLAIN_NO_FACE = (CheckName.FACE_COMPLETE, CheckName.POSE, CheckName.FACE_VISIBLE)
FORM = "CHECK_POLICY takes check:status=action, separated by commas, such as pose:doubt=ignore"
# What no setting may clear: five votes say nothing about a person who is not seen, not alone, or not seen whole.
NEVER_IGNORED: Mapping[tuple[CheckName, CheckStatus], str] = {
    (CheckName.FACE_FOUND, CheckStatus.DOUBT): "no picture is cleared without a face",
    (CheckName.FACE_FOUND, CheckStatus.FAIL): "no picture is cleared without a face",
    (CheckName.SINGLE_FACE, CheckStatus.FAIL): "with several faces, the votes may be about the wrong person",
    (CheckName.INTACT, CheckStatus.FAIL): "a damaged or extended file is evidence that a person has to see",
}


def policy_read(entries: Sequence[str]) -> Policy:
    """The default policy, changed by entries such as `pose:doubt=ignore`.

    Raises ValueError with a text that says what to write instead.
    """
    policy = dict(DEFAULT)
    set_by: dict[tuple[CheckName, CheckStatus], str] = {}
    for entry in filter(None, map(str.strip, entries)):
        check, colon, rest = entry.partition(":")
        status, equals, action = rest.partition("=")
        if not colon or not equals:
            raise ValueError(f"{entry!r} cannot be read. {FORM}.")
        name = CheckName(_one_of(check, CheckName, entry))
        wanted = CheckStatus(_one_of(status, (CheckStatus.DOUBT, CheckStatus.FAIL), entry))
        chosen = Action(_one_of(action, Action, entry))
        earlier = set_by.setdefault((name, wanted), entry)
        if earlier != entry and policy[name, wanted] is not chosen:
            raise ValueError(f"CHECK_POLICY contradicts itself: {earlier!r} and {entry!r}. Keep one of them.")
        policy[name, wanted] = chosen
    for (name, status), reason in NEVER_IGNORED.items():
        if policy[name, status] is Action.IGNORE:
            raise ValueError(
                f"CHECK_POLICY may not ignore {name}:{status}: {reason}. Choose resubmit or review."
            )
    return policy


def _one_of(value: str, known: Iterable[str], entry: str) -> str:
    value = value.strip()
    names = [str(name) for name in known]
    if value not in names:
        raise ValueError(f"{value!r} in {entry!r} is unknown; choose one of {', '.join(names)}. {FORM}.")
    return value


@dataclass(frozen=True, slots=True)
class JudgedCheck:
    """A check, and what followed from it; None for one that passed or that made no difference to the picture."""

    check: Check
    action: Action | None


@dataclass(frozen=True, slots=True)
class PictureJudgement:
    """What the policy makes of all checks of one picture.

    `action` is RESUBMIT (with the `code` to tell the applicant), REVIEW, or None: a verdict may clear the picture.
    """

    checks: tuple[JudgedCheck, ...]
    action: Action | None
    code: CheckCode | None = None

    @property
    def is_sent_back(self) -> bool:
        return self.action is Action.RESUBMIT

    @property
    def may_clear(self) -> bool:
        return self.action is None

    @property
    def has_failed(self) -> bool:
        """Whether a check failed that the policy does not ignore: then the votes mean little."""
        return any(
            one.check.status is CheckStatus.FAIL and one.action not in (None, Action.IGNORE)
            for one in self.checks
        )


def judge(checks: Iterable[Check], policy: Policy) -> PictureJudgement:
    """Apply the policy. A check that is missing, or that failed with an error, is never ignored.

    A damaged or odd file goes to a person before anything else is said of it: what was measured on it may be wrong, and
    the file is evidence. Otherwise one reason to ask for another picture is enough; TOLD_FIRST says which is told.
    """
    found = {check.name: check for check in checks}
    judged = tuple(_judged(found.get(name) or _missing(name), policy) for name in CheckName)
    by_name = {one.check.name: one for one in judged}
    if by_name[CheckName.INTACT].action is not Action.REVIEW:
        for name in TOLD_FIRST:
            if by_name[name].action is Action.RESUBMIT:
                sent_back = _with_effect(judged, Action.RESUBMIT)
                return PictureJudgement(sent_back, Action.RESUBMIT, _told(name, by_name))
    if any(one.action in (Action.REVIEW, Action.RESUBMIT) for one in judged):
        return PictureJudgement(_with_effect(judged, Action.REVIEW), Action.REVIEW)
    return PictureJudgement(judged, None)


def _with_effect(judged: tuple[JudgedCheck, ...], followed: Action) -> tuple[JudgedCheck, ...]:
    """Each check with what followed: a person sees all that did not pass; what is sent back has no reviewer."""
    return tuple(
        one
        if one.action in (None, Action.IGNORE, followed)
        else replace(one, action=Action.REVIEW if followed is Action.REVIEW else None)
        for one in judged
    )


def _told(name: CheckName, by_name: Mapping[CheckName, JudgedCheck]) -> CheckCode | None:
    """The code of the check that sends the picture back, or of the one that explains it."""
    explaining = EXPLAIN_NO_FACE if name is CheckName.FACE_FOUND else ()
    for other in explaining:
        one = by_name[other]
        if one.check.status is CheckStatus.FAIL and one.action is not Action.IGNORE:
            return one.check.code
    return by_name[name].check.code


def _judged(check: Check, policy: Policy) -> JudgedCheck:
    if check.status is CheckStatus.PASS:
        return JudgedCheck(check, None)
    if check.code is CheckCode.CHECK_FAILED:
        return JudgedCheck(check, Action.REVIEW)
    return JudgedCheck(check, policy[check.name, check.status])


def _missing(name: CheckName) -> Check:
    return Check(name, CheckStatus.DOUBT, code=CheckCode.CHECK_FAILED)
