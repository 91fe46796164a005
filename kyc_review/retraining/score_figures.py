"""How champion and candidate score the held-out faces: risk by outcome, and the faces on which they differ most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.translation import gettext

from detection.voting import VOTES
from kyc_review.core.permissions import may_see_snapshot_faces
from kyc_review.datasets.models import Snapshot
from kyc_review.review.models import Decision

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

WIDTH, HALF = 320, 84  # of a histogram, in its own units: fakes above the middle, real faces below it
Label = Decision.Label


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of the risk. x, width, up, down: in the histogram's units; counts are unweighted, shares weighted."""

    range: str
    x: float
    width: float
    up: float
    down: float
    fakes: int
    fakes_share: str
    reals: int
    reals_share: str

    @property
    def top(self) -> float:
        return round(HALF - self.up, 1)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Of one bundle; most: the largest share, which has the height of half the picture."""

    role: str
    bars: list[Bar]
    fakes: int
    reals: int
    most: str


@dataclass(frozen=True, slots=True)
class Said:
    """What one bundle says of a face. votes: percent of fake, and whether it is a call of fake."""

    role: str
    risk: str
    votes: list[tuple[int, bool]]

    @property
    def outcome(self) -> str:
        calls = sum(called for _percent, called in self.votes)
        if calls == VOTES:
            return gettext("all five call fake")
        return gettext("%(calls)s of five call fake") % {"calls": calls} if calls else gettext("cleared")


@dataclass(frozen=True, slots=True)
class DifferingFace:
    """has_picture: the viewer may open it."""

    submission: str
    label: str
    label_in_words: str
    weight: float
    said: list[Said]
    has_picture: bool


def histograms(report: Mapping[str, Any], *, only: str = "") -> list[Histogram]:
    """Of champion and candidate, or of `only` one of them, on one scale; none in an older report."""
    found = report["holdout"].get("risk")
    if not found:
        return []
    roles = {"champion": gettext("Champion"), "candidate": gettext("Candidate")}
    shown = {role: name for role, name in roles.items() if not only or role == only}
    shares = [share for side in ("fakes", "reals") for role in shown for share in found[side][role]["share"]]
    most = max(shares) or 1.0
    return [_histogram(name, role, found, most) for role, name in shown.items()]


def _histogram(name: str, role: str, found: Mapping[str, Any], most: float) -> Histogram:
    bins = found["bins"]
    fakes, reals = (found[side][role] for side in ("fakes", "reals"))
    bars = [
        Bar(
            range=f"{number / bins:.1f} to {(number + 1) / bins:.1f}",
            x=round(WIDTH * number / bins + 1, 1),
            width=round(WIDTH / bins - 2, 1),
            up=round(HALF * fakes["share"][number] / most, 1),
            down=round(HALF * reals["share"][number] / most, 1),
            fakes=fakes["count"][number],
            fakes_share=f"{100 * fakes['share'][number]:.1f} %",
            reals=reals["count"][number],
            reals_share=f"{100 * reals['share'][number]:.1f} %",
        )
        for number in range(bins)
    ]
    return Histogram(name, bars, found["fakes"]["n"], found["reals"]["n"], f"{100 * most:.0f} %")


def voters(report: Mapping[str, Any]) -> list[str]:
    """The names of the five, where both bundles have the same; else none."""
    named = [report[role].get("voters") or [] for role in ("champion", "candidate")]
    return list(named[0]) if named[0] == named[1] else []


def differing_faces(*, viewer: User, snapshot: Snapshot, report: Mapping[str, Any]) -> list[DifferingFace]:
    """Held-out faces whose risk differs most; pictures for those who may see the faces of snapshots. None in older
    reports, and none of what was erased since."""
    has_picture = may_see_snapshot_faces(viewer)
    roles = {"champion": gettext("Champion"), "candidate": gettext("Candidate")}
    return [
        DifferingFace(
            submission=row["submission"],
            label=row["label"],
            label_in_words=str(Label(row["label"]).label),
            weight=row["weight"],
            said=[_said(name, row[role]) for role, name in roles.items()],
            has_picture=has_picture,
        )
        for row in report_without_erased(snapshot, report)["holdout"].get("widest_differences") or []
    ]


def report_without_erased(snapshot: Snapshot, report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The report of a comparison on this snapshot without the rows of faces that were erased since, or that the
    snapshot no longer holds. Its figures stay: they tell nothing about one face."""
    rows = report["holdout"].get("widest_differences") if report else None
    if not rows:
        return report
    held = snapshot.items.filter(
        decision__submission__in=[row["submission"] for row in rows], decision__submission__erased_at=None
    )
    there = {str(pk) for pk in held.values_list("decision__submission_id", flat=True)}
    kept = [row for row in rows if row["submission"] in there]
    return {**report, "holdout": {**report["holdout"], "widest_differences": kept}}


def _said(name: str, row: Mapping[str, Any]) -> Said:
    percents = (round(100 * value) for value in row["probabilities"])
    return Said(name, number_format(row["risk"], 2), list(zip(percents, row["calls"], strict=True)))
