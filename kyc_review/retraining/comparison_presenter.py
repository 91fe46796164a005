"""A comparison's report as its page shows it: figures side by side, parts of the faces, what would change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from kyc_review.core.numbers import number
from kyc_review.core.stored_texts import shown_part
from kyc_review.retraining.comparison_at_point import CHANGES, GROUPS, REPLAY_GROUPS, report_at
from kyc_review.retraining.comparison_figures import Change, Compared, Pair, Part, Rates, Span, place_of
from kyc_review.retraining.presenters import percent, scaled
from kyc_review.training.comparison_groups import REASON
from kyc_review.training.gate import sample_in_words
from kyc_review.training.workload import Workload

ROLES = ("champion", "candidate")
HELD_OUT_CHANGES = {
    "fakes_now_caught": _("held-out fakes that the champion clears and the candidate flags"),
    "fakes_now_missed": _("held-out fakes that the champion flags and the candidate clears"),
    "reals_now_spared": _("held-out real faces that no longer need review"),
    "reals_now_flagged": _("held-out real faces that would newly be reviewed"),
}
REPLAY_CHANGES = {
    "now_flagged": _("of the latest submissions that would newly be reviewed"),
    "now_cleared": _("of them that would newly be cleared"),
}


def present_comparison(report: Any, shift: float, now: Workload | None = None) -> Compared:
    """What `ml compare` found with the candidate's thresholds moved by `shift`; with `now`, its cost in people.

    Raises KeyError when the report lacks that operating point.
    """
    chosen = report_at(report, shift)
    held_out, replay = chosen.report["holdout"], chosen.report["replay"]
    weighted = held_out.get("weighted", {})
    champion, candidate = _curves(held_out)
    worst = _worst(weighted, shift)
    return Compared(
        pairs=[
            *_weighted(held_out),
            *_replay(replay, now),
            *_unweighted(held_out),
            *_machine(chosen.report),
        ],
        changes=[
            *(_change(str(words), held_out["changed"][key]) for key, words in HELD_OUT_CHANGES.items()),
            *(_change(str(words), replay[key]) for key, words in REPLAY_CHANGES.items() if replay["n"]),
        ],
        parts=[
            Part(
                shown_part(row["name"]),
                shown_part(row["value"]),
                fakes=_rates(row["fakes"]),
                reals=_rates(row["reals"]),
                is_worst=(row["name"], row["value"]) in worst,
            )
            for row in weighted.get(
                "groups", held_out.get("groups", ())
            )  # an older report has one of them or none
        ],
        replay_parts=[
            Part(shown_part(row["name"]), shown_part(row["value"]), all=_rates(row["all"]))
            for row in replay.get("groups", ())
            if row["name"] != REASON  # the champion chose who has one
        ],
        parts_weighted="groups" in weighted,
        shift=shift,
        changes_as_trained=CHANGES in chosen.as_trained,
        parts_as_trained=GROUPS in chosen.as_trained,
        replay_parts_as_trained=REPLAY_GROUPS in chosen.as_trained,
        sample=sample_in_words(weighted["fakes"]) if weighted else "",
        sample_of_reals=_reals_in_words(weighted["reals"]) if weighted else "",
        by_checks=_by_checks(held_out.get("by_checks")),
        curves_weighted="champion_points" in weighted,
        champion_line=_line(champion),
        candidate_line=_line(candidate),
        champion_here=_place(_point(champion, 0.0)),
        here=_place(_point(candidate, shift)),
    )


def _reals_in_words(sample: Mapping[str, Any]) -> str:
    """What the weighted sample of real faces is worth: few audited ones may carry most of the weight."""
    return ngettext(
        "%(number)s held-out real face counts like %(effective)s.",
        "%(number)s held-out real faces count like %(effective)s.",
        sample["n"],
    ) % {"number": number(sample["n"]), "effective": number(sample["effective"], ",.0f")}


def _by_checks(found: Mapping[str, Any] | None) -> str:
    """What is counted apart because no vote decided on it; empty when there is none, and in older reports."""
    if found is None or not any(found[side]["n"] for side in ("fakes", "reals")):
        return ""
    fakes, reals = found["fakes"], found["reals"]
    return gettext(
        "Not counted here, because a check of the picture sent them to a person or back to the applicant whatever the "
        "votes said: %(fakes)s held-out fakes (the votes alone would flag %(champion)s with the champion, "
        "%(candidate)s with the candidate) and %(reals)s real faces."
    ) % {
        "fakes": fakes["n"],
        "champion": fakes["champion"],
        "candidate": fakes["candidate"],
        "reals": reals["n"],
    }


def _curves(held_out: Mapping[str, Any]) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Points of champion and candidate, weighted where the report has them."""
    weighted = held_out.get("weighted", {})
    if "champion_points" not in weighted:
        return held_out["champion"]["curve"], held_out["candidate"]["curve"]
    candidate = [
        {"shift": at["shift"], **{name: at[name]["value"] for name in ("recall", "false_alarm")}}
        for at in weighted["points"]
    ]
    return weighted["champion_points"], candidate


def _worst(weighted: Mapping[str, Any], shift: float) -> set[tuple[str, str]]:
    if not weighted:
        return set()
    found = _point(weighted["points"], shift).get("worst_groups") or {}
    return {(row["name"], row["value"]) for row in found.values() if row is not None}


def _point(points: list[dict[str, Any]], shift: float) -> dict[str, Any]:
    return next((p for p in points if abs(p["shift"] - shift) < 0.005), points[0])


def _weighted(held_out: Mapping[str, Any]) -> list[Pair]:
    """Rates among all submissions; none in a comparison that was made before they were weighted."""
    weighted = held_out.get("weighted")
    if weighted is None:
        return []
    differences = weighted["difference"]

    def row(name: str, figure: str, difference: str = "") -> Pair:
        champion, candidate = (percent(weighted[role][figure]) for role in ROLES)
        change = differences.get(difference)
        return Pair(name, champion, candidate, _points(change, has_unit=True), _span(change))

    return [
        row(gettext("Recall: of all fakes, reach a person"), "recall", "recall"),
        row(gettext("Missed: of all fakes, cleared"), "miss_rate"),
        row(gettext("False alarms: of all real faces, reach a person"), "false_alarm", "false_alarm"),
    ]


def _unweighted(held_out: Mapping[str, Any]) -> list[Pair]:
    """Each held-out face counts once, so these rates favour the bundle that chose what people saw."""
    differences = held_out.get("difference", {})

    def row(name: str, figure: str, kind: str = "") -> Pair:
        difference = (differences.get(kind) or {}).get("difference")
        champion, candidate = (percent(held_out[role][figure]) for role in ROLES)
        return Pair(name, champion, candidate, _points(difference, has_unit=True), _span(difference))

    rows = [
        row(gettext("Unweighted: held-out fakes that reach a person"), "recall_with_human", "fakes"),
        row(gettext("Unweighted: held-out real faces that reach a person"), "false_alarm", "reals"),
    ]
    if "recall_unanimous" in held_out["candidate"]:  # known for the thresholds as trained only
        rows.append(row(gettext("Unweighted: held-out fakes that all five call fake"), "recall_unanimous"))
    return rows


def _replay(replay: Mapping[str, Any], now: Workload | None) -> list[Pair]:
    if not replay["n"]:
        return []
    champion, candidate = (replay[role] for role in ROLES)
    change = replay.get("difference")
    name = gettext("Review load on the latest %(number)s") % {"number": number(replay["n"])}
    rows = [Pair(name, percent(champion), percent(candidate), _points(change, has_unit=True), _span(change))]
    if now is None:
        return rows
    daily = now.selfies_a_day
    name = gettext("Items a day, at %(number)s selfies a day") % {"number": number(daily, ",.0f")}
    rows.append(_cost(name, replay, daily, ",.0f"))
    if now.seconds_an_item is not None:
        name = gettext("Reviewer hours a day, at %(seconds)s s an item") % {
            "seconds": number(now.seconds_an_item, ",.0f")
        }
        rows.append(_cost(name, replay, daily * now.seconds_an_item / 3600, ",.1f"))
    return rows


def _cost(name: str, replay: Mapping[str, Any], of_all: float, form: str) -> Pair:
    """The review load times what reviewing everything would cost."""
    champion, candidate = (scaled(replay[role], of_all, form) for role in ROLES)
    change = (replay["candidate"]["value"] - replay["champion"]["value"]) * of_all
    return Pair(name, champion, candidate, number(change, f"+{form}"))


def _machine(report: Mapping[str, Any]) -> list[Pair]:
    times = [f"{number(report[role]['ms_per_image'], '.1f')} ms" for role in ROLES]
    sizes = [f"{number(report[role]['size_bytes'] / 1e6, '.1f')} MB" for role in ROLES]
    return [
        Pair(gettext("Time per image"), champion=times[0], candidate=times[1]),
        Pair(gettext("Size"), champion=sizes[0], candidate=sizes[1]),
    ]


def _points(difference: Mapping[str, float] | None, *, has_unit: bool = False) -> str:
    """ "+4 (-1 to +9)", percentage points; empty where it was not measured."""
    if not difference:
        return ""
    middle, low, high = (f"{100 * difference[key]:+.0f}" for key in ("value", "low", "high"))
    text = (
        gettext("%(value)s points (%(low)s to %(high)s)")
        if has_unit
        else gettext("%(value)s (%(low)s to %(high)s)")
    )
    return text % {"value": middle, "low": low, "high": high}


def _span(difference: Mapping[str, float] | None) -> Span | None:
    return _drawn(difference) if difference else None


def _drawn(difference: Mapping[str, float]) -> Span:
    return Span(*(round(100 * difference[key], 1) for key in ("low", "value", "high")))


def _rates(found: Mapping[str, Any] | None) -> Rates | None:
    if found is None:
        return None
    difference = found["difference"]
    return Rates(
        n=difference["n"],
        shares=" → ".join(f"{100 * found[role]['value']:.0f} %" for role in ROLES),
        difference=_points(difference),
        clear=found.get("searched", True) and (difference["low"] > 0 or difference["high"] < 0),
        span=_drawn(difference),
    )


def _change(words: str, found: Mapping[str, Any]) -> Change:
    return Change(words, found["count"], found["submissions"])


def _line(points: list[dict[str, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_place, points))


def _place(point: Mapping[str, float]) -> tuple[float, float]:
    return place_of(point["false_alarm"], point["recall"])
