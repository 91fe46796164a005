"""What a candidate must show before it may be proposed; pure, over a comparison's report.

Each check has one of three answers. Passed and failed are statements about all submissions, made with 95 % intervals
from figures that are weighted by the stored chances. Undecided means that the sample does not say: the gate is then
closed as well, because nothing is promoted for lack of evidence against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, gettext_noop

from kyc_review.core.stored_texts import stored

if TYPE_CHECKING:
    from kyc_review.training.gate_limits import Limits

REPLAYED_LEAST = 100  # below this a load says too little
LOAD_MORE = 0.02  # on top of the factor, so that a very low load may grow at all
CLEARED_LEAST = (
    0.5  # of what the champion clears: a candidate that sends nearly everyone to people decides nothing
)

# Names and findings are kept with proposals and in signed archives, and answered by the API: in English, from these.
WEIGHTED = stored(gettext_noop("Figures weighted by the stored chances"))
OLD_REPORT = stored(gettext_noop("This comparison was made before its figures were weighted. Compare again."))
ONE_FAKE = stored(
    gettext_noop(
        "1 held-out fake counts like %(effective)s; an audit of cleared faces found %(audited)s of them"
    )
)
FAKES = stored(
    gettext_noop(
        "%(number)s held-out fakes count like %(effective)s; an audit of cleared faces found %(audited)s of them"
    )
)
AUDITED = stored(gettext_noop("Enough audited fakes to say anything"))
AUDITED_FOUND = stored(gettext_noop("%(sample)s, of at least %(least)s."))
TOO_FEW_AUDITED = stored(gettext_noop("Not enough audited fakes to say."))
RECALL_NEAR = stored(gettext_noop("Recall at most %(points)s points below the champion's"))
RECALL_DIFFERENCE = stored(
    gettext_noop(
        "The difference among all fakes is %(middle)s points (%(low)s to %(high)s); it must lie above %(margin)s."
    )
)
RECALL_LEAST = stored(gettext_noop("Recall at least %(share)s"))
RECALL_FOUND = stored(gettext_noop("%(share)s of all fakes would reach a person (%(low)s to %(high)s)."))
LOAD = stored(gettext_noop("Review load within its limit"))
LOAD_UNKNOWN = stored(gettext_noop("Only %(number)s submissions were replayed; %(least)s are needed to say."))
LOAD_FOUND = stored(
    gettext_noop(
        "%(share)s of the latest %(number)s submissions would go to people, %(before)s with the champion; the limit is "
        "%(limit)s (%(factor)s times the champion's and %(more)s; at least %(cleared)s of what the champion clears "
        "must be cleared)."
    )
)
LOAD_FOUND_CAPPED = stored(
    gettext_noop(
        "%(share)s of the latest %(number)s submissions would go to people, %(before)s with the champion; the limit is "
        "%(limit)s (%(factor)s times the champion's and %(more)s, at most %(most)s; at least %(cleared)s of what the "
        "champion clears must be cleared)."
    )
)
GROUPS = stored(gettext_noop("No group clearly worse by %(points)s points"))
OLD_GROUPS = stored(gettext_noop("This comparison was made before groups were weighted. Compare again."))
NO_GROUPS = stored(gettext_noop("No group has enough held-out faces to say."))
GROUP_RECALL = stored(gettext_noop("Recall changes most for the worse in %(group)s."))
GROUP_ALARMS = stored(gettext_noop("False alarms change most for the worse in %(group)s."))
GROUP = stored(
    gettext_noop("%(name)s “%(value)s”: %(middle)s points (%(low)s to %(high)s, %(number)s faces)")
)
GROUP_INTERVALS = stored(gettext_noop("Intervals allow for the number of groups."))


class Answer(StrEnum):
    """What a check found."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"

    @property
    def in_words(self) -> str:
        return {
            "passed": gettext("yes"),
            "failed": gettext("no"),
            "undecided": gettext("cannot be said"),
        }[self.value]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition and what was found."""

    name: str
    answer: Answer
    detail: str

    @property
    def passed(self) -> bool:
        return self.answer == Answer.PASSED

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "answer": self.answer.value,
            "detail": self.detail,
        }


def gate(report: Mapping[str, Any], *, limits: Limits, shift: float = 0.0) -> list[Check]:
    """The checks at one operating point of the candidate. Raises KeyError when the report lacks that point."""
    point_at(report["holdout"]["candidate"]["curve"], shift)  # the point exists, whatever the report's age
    weighted = report["holdout"].get("weighted")
    if weighted is None:
        return [Check(WEIGHTED, Answer.UNDECIDED, OLD_REPORT)]
    point = point_at(weighted["points"], shift)
    return [
        _audited(weighted["fakes"], limits),
        _not_inferior(point["recall_difference"], limits),
        _recall(point["recall"], limits),
        _load(report["replay"], shift, limits),
        *_groups(point.get("worst_groups"), limits),
    ]


def points_with_gate(report: Mapping[str, Any], limits: Limits) -> list[dict[str, Any]]:
    """The candidate's operating points, each with `gate_open`, and with weighted figures where the report has them:
    `weighted_recall`, `recall_difference`, `weighted_false_alarm`, `load`, else null."""
    weighted = report["holdout"].get("weighted")
    found = []
    for point in report["holdout"]["candidate"]["curve"]:
        more = point_at(weighted["points"], point["shift"]) if weighted else {}
        checks = gate(report, shift=point["shift"], limits=limits)
        found.append(
            point
            | {
                "weighted_recall": more.get("recall"),
                "recall_difference": more.get("recall_difference"),
                "weighted_false_alarm": more.get("false_alarm"),
                "load": load_at(report["replay"], point["shift"]),
                "gate_open": all(check.passed for check in checks),
            }
        )
    return found


def load_at(replay: Mapping[str, Any], shift: float) -> Mapping[str, float] | None:
    """The candidate's share of the latest submissions that would go to a person; None when none was replayed."""
    curve = replay.get("curve")
    return point_at(curve, shift)["load"] if curve else None


def point_at(points: list[dict[str, Any]], shift: float) -> dict[str, Any]:
    """The operating point of this shift. Raises KeyError."""
    for point in points:
        if abs(point["shift"] - shift) < 0.005:
            return point
    raise KeyError(f"no operating point at {shift}")


def sample_in_words(sample: Mapping[str, Any]) -> str:
    """What a weighted sample of fakes is worth: "19 held-out fakes count like 9; an audit found 2 of them"."""
    n, effective, audited = sample["n"], sample["effective"], sample["audited"]
    values = {"number": n, "effective": f"{effective:.0f}", "audited": audited}
    return (ONE_FAKE if n == 1 else FAKES) % values


def _audited(sample: Mapping[str, Any], limits: Limits) -> Check:
    """Fakes that the champion flagged say nothing about those that it clears: only audited ones do."""
    enough = sample["audited"] >= limits.audited_fakes
    return Check(
        AUDITED,
        Answer.PASSED if enough else Answer.UNDECIDED,
        AUDITED_FOUND % {"sample": sample_in_words(sample), "least": limits.audited_fakes},
    )


def _not_inferior(difference: Mapping[str, float], limits: Limits) -> Check:
    """Non-inferiority: the whole interval of the paired difference lies above the margin."""
    margin = -limits.recall_margin
    if difference["low"] > margin:
        answer, verdict = Answer.PASSED, ""
    elif difference["high"] < margin:
        answer, verdict = Answer.FAILED, ""
    else:
        answer, verdict = Answer.UNDECIDED, f" {TOO_FEW_AUDITED}"
    middle, low, high = (f"{100 * difference[key]:+.1f}" for key in ("value", "low", "high"))
    return Check(
        RECALL_NEAR % {"points": _points(limits.recall_margin)},
        answer,
        RECALL_DIFFERENCE % {"middle": middle, "low": low, "high": high, "margin": f"{100 * margin:+g}"}
        + verdict,
    )


def _recall(recall: Mapping[str, float], limits: Limits) -> Check:
    """A floor that does not move with the champion, so that a chain of promotions cannot sink below it."""
    if recall["low"] >= limits.recall_min:
        answer, verdict = Answer.PASSED, ""
    elif recall["high"] < limits.recall_min:
        answer, verdict = Answer.FAILED, ""
    else:
        answer, verdict = Answer.UNDECIDED, f" {TOO_FEW_AUDITED}"
    return Check(
        RECALL_LEAST % {"share": f"{limits.recall_min:.0%}"},
        answer,
        RECALL_FOUND
        % {
            "share": f"{recall['value']:.1%}",
            "low": f"{recall['low']:.1%}",
            "high": f"{recall['high']:.1%}",
        }
        + verdict,
    )


def _load(replay: Mapping[str, Any], shift: float, limits: Limits) -> Check:
    """Measured on the latest submissions as they came: nothing selects them, so nothing needs a weight."""
    name, load = LOAD, load_at(replay, shift)
    if load is None or replay["n"] < REPLAYED_LEAST:
        text = LOAD_UNKNOWN % {"number": replay["n"], "least": REPLAYED_LEAST}
        return Check(name, Answer.UNDECIDED, text)
    before = replay["champion"]["value"]
    limit = load_limit(before, limits)
    values = {
        "share": f"{load['value']:.1%}",
        "number": f"{replay['n']:,}",
        "before": f"{before:.1%}",
        "limit": f"{limit:.1%}",
        "factor": f"{limits.load_factor:g}",
        "more": f"{LOAD_MORE:.0%}",
        "cleared": f"{CLEARED_LEAST:.0%}",
    }
    if limits.load_max is None:
        text = LOAD_FOUND % values
    else:
        text = LOAD_FOUND_CAPPED % (values | {"most": f"{limits.load_max:.0%}"})
    return Check(
        name,
        Answer.PASSED if load["value"] <= limit else Answer.FAILED,
        text,
    )


def load_limit(champions: float, limits: Limits) -> float:
    """The most that a candidate may send to people where the champion sends the share `champions`.

    The limit follows the champion, because the load that a bank can bear is what its people bear now. The factor alone
    would let everything pass after a champion that flags most faces, so part of what it clears must stay cleared.
    """
    limit = min(champions * limits.load_factor + LOAD_MORE, 1 - CLEARED_LEAST * (1 - champions))
    return limit if limits.load_max is None else min(limit, limits.load_max)


def _groups(worst: Mapping[str, Any] | None, limits: Limits) -> list[Check]:
    """Finds harm where the sample shows it; a group with few faces can hide it, so a pass is no proof of its absence.

    worst: the group whose figures are most clearly worse, of `recall` and `false_alarm`; None in an older report.
    """
    if limits.group_margin is None:
        return []
    name = GROUPS % {"points": _points(limits.group_margin)}
    if worst is None:
        return [Check(name, Answer.UNDECIDED, OLD_GROUPS)]
    recall, alarm, margin = worst["recall"], worst["false_alarm"], limits.group_margin
    told, answer = [], Answer.PASSED
    if recall is not None:
        told.append(GROUP_RECALL % {"group": _group_in_words(recall)})
        answer = Answer.FAILED if recall["difference"]["high"] < -margin else answer
    if alarm is not None:
        told.append(GROUP_ALARMS % {"group": _group_in_words(alarm)})
        answer = Answer.FAILED if alarm["difference"]["low"] > margin else answer
    if not told:
        return [Check(name, Answer.UNDECIDED, NO_GROUPS)]
    return [Check(name, answer, " ".join([*told, GROUP_INTERVALS]))]


def _group_in_words(found: Mapping[str, Any]) -> str:
    middle, low, high = (f"{100 * found['difference'][key]:+.0f}" for key in ("value", "low", "high"))
    return GROUP % {
        "name": found["name"],
        "value": found["value"],
        "middle": middle,
        "low": low,
        "high": high,
        "number": found["n"],
    }


def _points(share: float) -> str:
    return f"{100 * share:g}"
