"""A bundle's metrics as lines of a table; the schema of metrics is owned by ml.evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kyc_review.core.numbers import number
from kyc_review.review.models import Decision

# How the sets that the baseline learned from write themselves; others are called as they are.
SETS = {"lfw": "LFW", "rff": "RFF", "scut": "SCUT", "utkface": "UTKFace"}
FIGURES_MAX = 24
STACK = "stack"
BALANCE_KEYS = ("real", "fake", "made", "shown_fake")
WAYS = {
    "pairs": _("As many fakes as reals of each source"),
    "smote": _("SMOTE to 1:1"),
    "smote-under-focal": _("SMOTE to 0.4, undersampling to 0.5, focal loss"),
    "under-focal": _("SMOTE to 0.1, undersampling to 0.5, focal loss"),
    "under": _("SMOTE to 0.1, undersampling to 0.5"),
}


@dataclass(frozen=True, slots=True)
class Task:
    """How a bundle did on one set of faces; each cell is "value (low to high)" with its 95 % interval, or empty."""

    name: str
    faces: str  # "40 fakes, 120 real"
    auc: str
    recall: str
    false_alarms: str
    load: str


def measured(metrics: Any) -> tuple[str, list[Task]]:
    """The side of the split that was measured last (test, else validation) and its tasks; empty when unknown.

    Reads what ml.evaluation.outcome writes; a bundle from elsewhere may state its metrics in another form.
    """
    for side in ("test", "validation"):
        report = metrics.get(side) if isinstance(metrics, dict) else None
        if isinstance(report, dict) and isinstance(report.get("votes"), dict):
            aucs = report.get("auc") or {}
            tasks = [
                Task(
                    name=_task_name(name),
                    faces=_faces(votes),
                    auc=estimate((aucs.get(name) or {}).get(STACK), 2),
                    recall=percent(votes.get("recall_with_human")),
                    false_alarms=percent(votes.get("false_alarm")),
                    load=percent(votes.get("review_load")),
                )
                for name, votes in report["votes"].items()
                if isinstance(votes, dict)
            ]
            return side, tasks
    return "", []


def _faces(votes: dict[str, Any]) -> str:
    """On how many faces of each label; empty where the table of votes does not count them."""
    fake, real = (votes.get(label) for label in (Decision.Label.FAKE, Decision.Label.REAL))
    if not all(isinstance(row, list) and all(_is_number(n) for n in row) for row in (fake, real)):
        return ""
    return gettext("%(fakes)s fakes, %(reals)s real") % {
        "fakes": number(sum(fake or ())),
        "reals": number(sum(real or ())),
    }


@dataclass(frozen=True, slots=True)
class AgainstChampion:
    """A candidate against the bundle it began from, on people that neither learned from; is_better: the whole interval
    of the difference lies above zero."""

    is_better: bool
    text: str


def against_champion(metrics: Any) -> AgainstChampion | None:
    """None for a bundle that does not say (ml.evaluation.against_champion)."""
    found = metrics.get("against_champion") if isinstance(metrics, dict) else None
    change = found.get("difference") if isinstance(found, dict) else None
    interval = estimate(change, 3)
    if not isinstance(found, dict) or not isinstance(change, dict) or not interval:
        return None
    if not all(_is_number(found.get(key)) for key in ("champion", "candidate", "people")):
        return None
    better = change["low"] > 0
    if better:
        head = gettext("Better than the champion on people unseen.")
    elif change["high"] < 0:
        head = gettext("Worse than the champion on people unseen.")
    else:
        head = gettext("Not better than the champion on people unseen.")
    figures_text = gettext(
        "Weighted area under the ROC curve %(candidate)s against %(champion)s, a difference of %(interval)s on "
        "%(faces)s faces of %(people)s people."
    ) % {
        "candidate": number(found["candidate"], ".3f"),
        "champion": number(found["champion"], ".3f"),
        "interval": interval,
        "faces": change["n"],
        "people": found["people"],
    }
    return AgainstChampion(better, f"{head} {figures_text}")


@dataclass(frozen=True, slots=True)
class Balance:
    """What one voter learned from. shown: percent of fakes among the rows that it was shown."""

    voter: str
    way: str
    real: int
    fake: int
    made: int
    shown: float


def balances(provenance: Any) -> list[Balance]:
    """One for each voter that a candidate's provenance (ml.training.candidate) tells of; older ones tell of none."""
    told = provenance.get("balanced") if isinstance(provenance, dict) else None
    return [
        Balance(
            voter=str(row.get("voter", "")),
            way=str(WAYS.get(str(row.get("way")), row.get("way", ""))),
            real=row["real"],
            fake=row["fake"],
            made=row["made"],
            shown=round(100 * row["shown_fake"], 1),
        )
        for row in (told if isinstance(told, list) else ())
        if isinstance(row, dict) and all(_is_number(row.get(key)) for key in BALANCE_KEYS)
    ]


def balancing(wished: str) -> str:
    """What a run was asked to do about unequal labels; `balances` tells of each voter."""
    if wished not in WAYS:
        return gettext("Each voter is balanced differently")
    return gettext("Balanced: %(way)s") % {"way": WAYS[wished]}


def _task_name(name: str) -> str:
    """ "own_rff" is a set's own fakes, "made_lfw" forgeries that were synthesised from it."""
    kind, _, source = name.partition("_")
    words = {
        "own": gettext("Its own fakes"),
        "made": gettext("Synthesised forgeries"),
        "all": gettext("All together"),
    }
    return f"{words.get(kind, kind)}{': ' + SETS.get(source, source) if source else ''}"


def estimate(value: Any, digits: int, scale: float = 1) -> str:
    """ "value (low to high)" times `scale`, with `digits` decimals; empty for anything that is not an estimate."""
    if not isinstance(value, dict) or not all(_is_number(value.get(key)) for key in ("value", "low", "high")):
        return ""
    middle, low, high = (number(value[key] * scale, f".{digits}f") for key in ("value", "low", "high"))
    return gettext("%(value)s (%(low)s to %(high)s)") % {"value": middle, "low": low, "high": high}


def percent(value: Any) -> str:
    """An estimate from 0 to 1 in percent: "97 % (95 to 99)"; empty for anything else."""
    return estimate(value, 0, 100).replace(" (", " % (", 1)


def scaled(share: Mapping[str, float], by: float, form: str) -> str:
    """ "value (low to high)" of an estimate times `by`, in a format such as ",.1f"."""
    middle, low, high = (number(share[key] * by, form) for key in ("value", "low", "high"))
    return gettext("%(value)s (%(low)s to %(high)s)") % {"value": middle, "low": low, "high": high}


def figures(metrics: Any) -> list[tuple[str, str]]:
    """Numbers and short texts of nested metrics with their path: {"test": {"auc": 0.9}} -> [("test auc", "0.9")]."""
    return [line for line, _ in zip(_leaves(metrics, ()), range(FIGURES_MAX), strict=False)]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key).replace("_", " ")))
    elif isinstance(value, list) and value and all(_is_number(inner) for inner in value) and len(value) <= 3:
        yield " ".join(path), _joined(value)
    elif _is_number(value):
        yield " ".join(path), _number(value)
    elif isinstance(value, str) and len(value) <= 80:
        yield " ".join(path), value


def _joined(values: list[float]) -> str:
    """An interval as "0.8 to 0.9", other lists with commas."""
    texts = [_number(value) for value in values]
    if len(texts) == 2:
        return gettext("%(low)s to %(high)s") % {"low": texts[0], "high": texts[1]}
    return ", ".join(texts)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    return number(value) if isinstance(value, int) else number(value, ".4g")
