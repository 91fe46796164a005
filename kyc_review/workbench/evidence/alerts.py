"""What a reviewer must not miss: the findings that decide most cases, worst first, above the votes.

Nothing here comes from the models' votes, but of a blind item it is hidden like them until the first call.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_lazy, ngettext_lazy

from detection.checks import CheckCode, CheckStatus
from kyc_review.submissions.models import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django_stubs_ext import StrPromise

    from kyc_review.scoring.check_words import CheckLine
    from kyc_review.workbench.evidence.selectors import Seen

VERDICTS = {
    Result.CLEAR: gettext_lazy("cleared"),
    Result.REJECTED: gettext_lazy("rejected"),
    Result.RESUBMIT: gettext_lazy("sent back"),
}


# "" is an open submission.
OUTCOMES_BY_GRAVITY = (Result.REJECTED, Result.RESUBMIT, "", Result.CLEAR)


class AlertKind(IntEnum):
    """Worst first."""

    CONFLICTING_VERDICTS = 1
    SAME_FILE = 2
    SAME_PICTURE = 3
    GENERATOR_NAMED = 4
    EDITOR_NAMED = 5
    OTHER_THUMBNAIL = 6
    NOT_CHECKED = 7
    CHECK_FAILED = 8
    UNKNOWN_DATA = 9
    REJECTED_BEFORE = 10
    DAMAGED = 11
    SAVED_TWICE = 12
    CHECK_DOUBTFUL = 13


# A finding in the file and the check that is made of it are one fact; the more serious of both is the alert.
CHECK_OF_FINDING = {AlertKind.DAMAGED: CheckCode.DAMAGED, AlertKind.UNKNOWN_DATA: CheckCode.TRAILING_DATA}

# From here on the finding has harmless causes, too.
MILD = AlertKind.REJECTED_BEFORE


@dataclass(frozen=True, slots=True)
class Alert:
    """One line. `target`: the id of the place on the page that has the details; `other`: the submission whose picture
    the alert is about, to be shown next to the item's own."""

    kind: AlertKind
    title: str | StrPromise
    text: str | StrPromise
    target: str
    other: Seen | None = None

    @property
    def severity(self) -> str:
        return "doubtful" if self.kind >= MILD else "serious"


CHECKS_FAILED = ngettext_lazy("Picture check failed", "%(number)s picture checks failed", "number")
CHECKS_DOUBTFUL = ngettext_lazy("Picture check doubtful", "%(number)s picture checks doubtful", "number")
NOT_CHECKED = Alert(
    AlertKind.NOT_CHECKED,
    gettext_lazy("Picture checks were not made:"),
    gettext_lazy("see for yourself that one whole, uncovered face is shown"),
    "votes-title",
)


def anchor(kind: AlertKind) -> str:
    """The id of the line of the evidence panel that an alert of this kind leads to."""
    return f"finding-{kind.name.lower().replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the panel. `alert`: what it is among the alerts above the votes, if it is one."""

    label: str
    text: str
    alert: AlertKind | None = None

    @property
    def anchor(self) -> str:
        return anchor(self.alert) if self.alert else ""


def all_alerts(
    *,
    twins: Sequence[Seen],
    others: Sequence[Seen],
    findings: Iterable[Finding],
    checks: Sequence[CheckLine],
    own_result: str = "",
    is_unchecked: bool = False,
) -> list[Alert]:
    """Worst first.

    `twins`: submissions with the same picture; `others`: of the same applicant. `own_result`: what became of the
    submission itself, where the viewer may know. `is_unchecked`: no picture check was made.
    """
    told, untold = _each_once([line for line in findings if line.alert is not None], checks)
    found = [Alert(line.alert, line.label, line.text, anchor(line.alert)) for line in told if line.alert]
    if is_unchecked:
        found.append(NOT_CHECKED)
    found += _of_twins(twins, own_result) + _of_applicant(twins, others) + _of_checks(untold)
    return sorted(found, key=lambda alert: alert.kind)


def _each_once(
    findings: Sequence[Finding], checks: Sequence[CheckLine]
) -> tuple[list[Finding], list[CheckLine]]:
    """Findings and checks without what the other of both says more seriously."""
    rank = {
        check.code: AlertKind.CHECK_FAILED
        if check.status == CheckStatus.FAIL.value
        else AlertKind.CHECK_DOUBTFUL
        for check in checks
    }
    told = []
    for line in findings:
        code = CHECK_OF_FINDING.get(line.alert) if line.alert else None
        if (
            code is None
            or line.alert is None
            or line.alert < rank.get(code.value, AlertKind.CHECK_DOUBTFUL + 1)
        ):
            told.append(line)
    said = {CHECK_OF_FINDING[line.alert].value for line in told if line.alert in CHECK_OF_FINDING}
    return told, [check for check in checks if check.code not in said]


def _of_twins(twins: Sequence[Seen], own_result: str) -> list[Alert]:
    found = []
    by_result = {seen.result: seen for seen in reversed(twins)}
    results = {*by_result, own_result}
    if {Result.CLEAR, Result.REJECTED} <= results:
        this_one = gettext("this one")
        said = [
            f"{_named(by_result[result]) if result in by_result else this_one} {VERDICTS[result]}"
            for result in (Result.CLEAR, Result.REJECTED)
        ]
        contrary = by_result.get(Result.REJECTED) or by_result.get(Result.CLEAR)
        found.append(
            Alert(
                AlertKind.CONFLICTING_VERDICTS,
                gettext("Conflicting verdicts"),
                ", ".join(said),
                "look-alikes",
                _shown(contrary),
            )
        )
    strangers = [seen for seen in twins if not seen.same_applicant]
    for kind, title, same in (
        (AlertKind.SAME_FILE, gettext("Same file"), [seen for seen in strangers if seen.same_file]),
        (AlertKind.SAME_PICTURE, gettext("Same picture"), [seen for seen in strangers if not seen.same_file]),
    ):
        if same:
            same = _worst_first(same)
            is_other = same[0].is_other_applicant
            whose = gettext("another applicant") if is_other else gettext("another submission")
            found.append(Alert(kind, f"{title}, {whose}", _listed(same), "look-alikes", _shown(*same)))
    return found


def _of_applicant(twins: Sequence[Seen], others: Sequence[Seen]) -> list[Alert]:
    own = {seen.submission.pk: seen for seen in [*others, *twins] if seen.same_applicant}
    rejected = [seen for seen in own.values() if seen.result == Result.REJECTED]
    if not rejected:
        return []
    return [
        Alert(
            AlertKind.REJECTED_BEFORE,
            gettext("Same applicant"),
            _listed(rejected),
            "applicants-others",
            _shown(*rejected),
        )
    ]


def _of_checks(checks: Sequence[CheckLine]) -> list[Alert]:
    found = []
    for kind, status, title in (
        (AlertKind.CHECK_FAILED, CheckStatus.FAIL, CHECKS_FAILED),
        (AlertKind.CHECK_DOUBTFUL, CheckStatus.DOUBT, CHECKS_DOUBTFUL),
    ):
        if lines := [line for line in checks if line.status == status.value]:
            words = "; ".join(dict.fromkeys(line.words for line in lines))
            found.append(Alert(kind, title % {"number": len(lines)}, words, "checks"))
    return found


def _shown(*submissions: Seen | None) -> Seen | None:
    """The first of them that still has a picture."""
    return next((seen for seen in submissions if seen and seen.submission.erased_at is None), None)


def _worst_first(submissions: Iterable[Seen]) -> list[Seen]:
    """Rejected, then sent back, open and cleared; in the given order among equals."""
    return sorted(submissions, key=lambda seen: OUTCOMES_BY_GRAVITY.index(seen.result))


def _named(seen: Seen) -> str:
    if seen.item_id:
        return gettext("item %(item)s") % {"item": seen.item_id}
    return gettext("another submission")


def _listed(submissions: Sequence[Seen]) -> str:
    """The first of them, and how many more there are."""
    result = submissions[0].result
    outcome = VERDICTS[Result(result)] if result else gettext("open")
    first = f"{_named(submissions[0])}, {outcome}"
    if len(submissions) == 1:
        return first
    return gettext("%(first)s, and %(number)s more") % {"first": first, "number": len(submissions) - 1}
