"""A candidate's operating points as a slider shows them, next to the point at which the champion serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from kyc_review.core.numbers import in_readers_notation, number, upper_bound
from kyc_review.retraining.comparison_figures import Place, place_of
from kyc_review.retraining.presenters import percent, scaled
from kyc_review.training.gate import points_with_gate
from kyc_review.training.gate_limits import Limits
from kyc_review.training.workload import Workload


@dataclass(frozen=True, slots=True)
class Figure:
    """One line next to the slider. measured_on: number and weights; here: at the chosen point."""

    key: str
    name: str
    measured_on: str
    champion: str
    here: str


@dataclass(frozen=True, slots=True)
class PointRow:
    """One operating point. texts: by the key of each `Figure`; place: of its dot on the curve."""

    shift: float
    name: str
    texts: dict[str, str]
    recall_percent: str
    false_alarm_percent: str
    load_percent: str
    miss_at_most: str
    place: Place
    is_gate_open: bool
    is_here: bool

    @property
    def spoken(self) -> str:
        """What a screen reader says of the slider's place."""
        return f"{self.name}: {self.texts['recall']}, {self.texts.get('load', '')}".rstrip(", ")


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """`figures` at the chosen point, and every point in the order of the thresholds; is_weighted: of all faces."""

    figures: list[Figure]
    rows: list[PointRow]
    is_weighted: bool

    @property
    def here(self) -> PointRow:
        return next(row for row in self.rows if row.is_here)


def present_points(
    report: Mapping[str, Any], shift: float, limits: Limits, now: Workload | None = None
) -> OperatingPoints:
    """All points of a comparison's report; with `now`, their cost in people. Raises KeyError without `shift`."""
    rows = [_row(report, point, shift, now) for point in points_with_gate(report, limits)]
    chosen = next((row for row in rows if row.is_here), None)
    if chosen is None:
        raise KeyError(f"no operating point at {shift}")
    return OperatingPoints(
        figures=[
            Figure(key, name, measured_on, champion, chosen.texts[key])
            for key, name, measured_on, champion in _champion(report, now)
        ],
        rows=rows,
        is_weighted="weighted" in report["holdout"],
    )


def _row(report: Mapping[str, Any], point: Mapping[str, Any], shift: float, now: Workload | None) -> PointRow:
    recall = point["weighted_recall"] or _bare(point["recall"])
    alarm = point["weighted_false_alarm"] or _bare(point["false_alarm"])
    load = point["load"]
    texts = {"recall": _told(recall), "missed": _told(_rest(recall)), "false_alarm": _told(alarm)}
    if load is not None:
        texts["load"] = percent(load)
        texts |= _cost(load, now)
    return PointRow(
        shift=point["shift"],
        name=shift_in_words(point["shift"]),
        texts=texts,
        recall_percent=f"{100 * recall['value']:.0f} %",
        false_alarm_percent=f"{100 * alarm['value']:.0f} %",
        load_percent=f"{100 * load['value']:.0f} %" if load else "",
        miss_at_most=f"{in_readers_notation(upper_bound(point['miss_at_most']))} %",
        place=place_of(alarm["value"], recall["value"]),
        is_gate_open=point["gate_open"],
        is_here=abs(point["shift"] - shift) < 0.005,
    )


def _champion(report: Mapping[str, Any], now: Workload | None) -> list[tuple[str, str, str, str]]:
    """Key, name, what it was measured on, and the champion's value in production."""
    held_out, replay = report["holdout"], report["replay"]
    weighted = held_out.get("weighted")
    if weighted is None:
        rates = {"recall": held_out["champion"]["recall_with_human"]}
        rates["false_alarm"] = held_out["champion"]["false_alarm"]
        sample = gettext("unweighted, n = %(n)s")
    else:
        rates, sample = weighted["champion"], gettext("weighted, n = %(n)s, counts like %(effective)s")
    fakes, reals = (
        sample
        % {
            "n": number(rates[name]["n"], ","),
            "effective": number(weighted[side]["effective"], ",.0f") if weighted else "",
        }
        for name, side in (("recall", "fakes"), ("false_alarm", "reals"))
    )
    found = [
        ("recall", gettext("Fakes that reach a person"), fakes, percent(rates["recall"])),
        ("missed", gettext("Fakes that are cleared"), fakes, percent(_rest(rates["recall"]))),
        ("false_alarm", gettext("Real faces that reach a person"), reals, percent(rates["false_alarm"])),
    ]
    if not replay["n"] or not replay.get("curve"):
        return found
    latest = gettext("latest submissions as they came, n = %(n)s") % {"n": number(replay["n"], ",")}
    found.append(("load", gettext("Review load"), latest, percent(replay["champion"])))
    costs = _cost(replay["champion"], now)
    if now is not None and "daily_items" in costs:
        text = gettext("at %(number)s selfies a day") % {"number": number(now.selfies_a_day, ",.0f")}
        found.append(("daily_items", gettext("Items a day"), text, costs["daily_items"]))
    if now is not None and "daily_hours" in costs:
        text = gettext("at %(seconds)s s an item") % {"seconds": number(now.seconds_an_item or 0, ",.0f")}
        found.append(("daily_hours", gettext("Reviewer hours a day"), text, costs["daily_hours"]))
    return found


def _cost(load: Mapping[str, float], now: Workload | None) -> dict[str, str]:
    if now is None:
        return {}
    daily = now.selfies_a_day
    found = {"daily_items": scaled(load, daily, ",.0f")}
    if now.seconds_an_item is not None:
        found["daily_hours"] = scaled(load, daily * now.seconds_an_item / 3600, ",.1f")
    return found


def _told(rate: Mapping[str, float]) -> str:
    return percent(rate) or f"{100 * rate['value']:.0f} %"


def _bare(value: float) -> dict[str, float]:
    """A rate whose interval an older report does not have."""
    return {"value": value}


def _rest(rate: Mapping[str, float]) -> dict[str, float]:
    """Of what is not counted in the rate."""
    ends = {"value": "value", "low": "high", "high": "low"}
    return {name: 1 - rate[other] for name, other in ends.items() if other in rate}


def shift_in_words(shift: float) -> str:
    """How all thresholds were moved: "as trained", "raised by 0.5"."""
    if abs(shift) < 0.005:
        return gettext("as trained")
    if shift > 0:
        return gettext("raised by %(shift)s") % {"shift": number(shift, ".1f")}
    return gettext("lowered by %(shift)s") % {"shift": number(-shift, ".1f")}


def thresholds_in_words(shift: float) -> str:
    """As `shift_in_words`, where the text around it does not say what was moved: "thresholds raised by 0.5"."""
    if abs(shift) < 0.005:
        return gettext("thresholds as trained")
    if shift > 0:
        return gettext("thresholds raised by %(shift)s") % {"shift": number(shift, ".1f")}
    return gettext("thresholds lowered by %(shift)s") % {"shift": number(-shift, ".1f")}
