"""A comparison's report as `python -m ml compare` writes it, with figures to choose."""

import math
from typing import Any


def estimate(hits: int, n: int) -> dict[str, Any]:
    share = hits / n
    return {"value": share, "low": max(0.0, share - 0.1), "high": min(1.0, share + 0.1), "n": n}


def table(caught: int, fakes: int, flagged: int, reals: int) -> dict[str, Any]:
    return {
        "fake": [fakes - caught, caught // 2, caught - caught // 2],
        "real": [reals - flagged, flagged, 0],
        "recall_with_human": estimate(caught, fakes),
        "recall_unanimous": estimate(caught // 2, fakes),
        "false_alarm": estimate(flagged, reals),
        "review_load": estimate(caught + flagged, fakes + reals),
        "by_source": {"mobile-app": {"recall_with_human": estimate(caught, fakes)}},
        "curve": [point(step / 10, caught / fakes, flagged / reals) for step in range(-30, 31)],
    }


def rates(champion: int, candidate: int, n: int) -> dict[str, Any]:
    change = (candidate - champion) / n
    return {
        "champion": estimate(champion, n),
        "candidate": estimate(candidate, n),
        "difference": {"value": change, "low": change - 0.04, "high": change + 0.04, "n": n},
    }


def point(shift: float, recall: float, false_alarm: float) -> dict[str, float]:
    """Both rates move along a logistic curve and are as given at a shift of 0."""

    def moved(rate: float) -> float:
        rate = min(max(rate, 0.01), 0.99)
        return 1 / (1 + math.exp(shift - math.log(rate / (1 - rate))))

    recall, false_alarm = (recall, false_alarm) if shift == 0 else (moved(recall), moved(false_alarm))
    return {
        "shift": shift,
        "recall": recall,
        "false_alarm": false_alarm,
        "miss_at_most": min(1, 1.1 - recall),
    }


def around(value: float, half: float, n: int) -> dict[str, Any]:
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half), "n": n}


def difference(value: float, half: float, n: int) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def weighted(
    champion: dict[str, Any], candidate: dict[str, Any], fakes: int, audited: int, half: float
) -> dict[str, Any]:
    """Rates as if no row had been selected, with intervals of recall of ten points on each side."""
    reals = sum(champion["real"])

    def of(one: dict[str, Any]) -> dict[str, Any]:
        recall, alarm = one["recall_with_human"]["value"], one["false_alarm"]["value"]
        return {
            "recall": around(recall, 0.1, fakes),
            "miss_rate": around(1 - recall, 0.1, fakes),
            "false_alarm": around(alarm, 0.1, reals),
            "load": around((recall + alarm) / 2, 0.1, fakes + reals),
        }

    before, after = of(champion), of(candidate)
    return {
        "method": "as the factory says",
        "fakes": {"n": fakes, "effective": fakes / 2, "audited": audited},
        "reals": {"n": reals, "effective": reals / 2, "audited": audited},
        "all": {"n": fakes + reals, "effective": (fakes + reals) / 2, "audited": 2 * audited},
        "champion": before,
        "candidate": after,
        "difference": {
            name: difference(after[name]["value"] - before[name]["value"], half, after[name]["n"])
            for name in ("recall", "false_alarm", "load")
        },
        "points": [
            {
                "shift": at["shift"],
                "recall": around(at["recall"], 0.1, fakes),
                "recall_difference": difference(at["recall"] - before["recall"]["value"], half, fakes),
                "false_alarm": around(at["false_alarm"], 0.1, reals),
                "worst_groups": {
                    "recall": worst(at["recall"] - before["recall"]["value"], fakes),
                    "false_alarm": worst(at["false_alarm"] - before["false_alarm"]["value"], reals),
                },
            }
            for at in candidate["curve"]
        ],
        "champion_points": [
            {name: at[name] for name in ("shift", "recall", "false_alarm")} for at in champion["curve"]
        ],
        "groups": [
            {
                "name": "Source",
                "value": "mobile-app",
                "fakes": {
                    "champion": before["recall"],
                    "candidate": after["recall"],
                    "difference": difference(
                        after["recall"]["value"] - before["recall"]["value"], half, fakes
                    ),
                    "effective": fakes / 2,
                },
                "reals": None,
            }
        ],
    }


def worst(change: float, n: int) -> dict[str, Any]:
    """As if one group had all faces: an interval of twelve points on each side."""
    return {"name": "Source", "value": "mobile-app", "n": n, "difference": difference(change, 0.12, n)}


def with_points(report: dict[str, Any]) -> dict[str, Any]:
    """A report of today: what differs at each point of the candidate, also by group and for the latest submissions."""
    held_out, replay = report["holdout"], report["replay"]
    weighted, steps = held_out["weighted"], range(len(held_out["candidate"]["curve"]))
    for at in weighted["points"]:
        change = at["false_alarm"]["value"] - weighted["champion"]["false_alarm"]["value"]
        at["false_alarm_difference"] = difference(change, 0.04, at["false_alarm"]["n"])
    for group in weighted["groups"]:
        for side in ("fakes", "reals"):
            if group[side]:
                rates = [0.9 - step / 100 for step in steps]
                group[side] |= {
                    "searched": True,
                    "points": points_of(rates, group[side]["champion"]["value"]),
                }
    held_out["changed_points"] = [
        {"shift": at["shift"]} | dict.fromkeys(held_out["changed"], 100 + step)
        for step, at in enumerate(weighted["points"])
    ]
    for step, at in enumerate(replay["curve"]):
        change = at["load"]["value"] - replay["champion"]["value"]
        at |= {
            "difference": difference(change, 0.02, replay["n"]),
            "now_flagged": 200 + step,
            "now_cleared": 300,
        }
    for group in replay["groups"]:
        group["all"]["points"] = points_of([0.5] * len(steps), group["all"]["champion"]["value"])
    return report


def points_of(rates: list[float], champion: float) -> dict[str, list[list[float]]]:
    """As `ml.evaluation.at_points.listed`, with intervals of ten points on each side."""
    return {
        "candidate": [[rate, rate - 0.1, rate + 0.1] for rate in rates],
        "difference": [[rate - champion, rate - champion - 0.1, rate - champion + 0.1] for rate in rates],
    }


def spread(n: int, **parts: list[int]) -> dict[str, Any]:
    """The parts of risk of `n` faces, by role, in the given proportions."""
    return {"n": n} | {
        role: {
            "count": [round(n * part / sum(given)) for part in given],
            "share": [round(part / sum(given), 4) for part in given],
        }
        for role, given in parts.items()
    }


def votes_on(submission: str, label: str, champion: float, candidate: float) -> dict[str, Any]:
    """One of `widest_differences`: all five voters of a role say the same."""

    def said(probability: float) -> dict[str, Any]:
        return {"risk": probability, "probabilities": [probability] * 5, "calls": [probability >= 0.5] * 5}

    return {
        "submission": submission,
        "label": label,
        "weight": 1.0,
        "champion": said(champion),
        "candidate": said(candidate),
    }


def report(
    champion: tuple[int, int] = (30, 60),
    candidate: tuple[int, int] = (36, 50),
    fakes: int = 40,
    reals: int = 200,
    *,
    loads: tuple[int, int] = (360, 300),
    replayed: int = 1200,
    audited: int = 10,
    half: float = 0.04,
) -> dict[str, Any]:
    """champion, candidate: (fakes that reach a person, reals that do); loads: of the replayed submissions; audited:
    fakes that an audit found; half: half the interval of the weighted difference of recalls."""
    before, after = (table(one[0], fakes, one[1], reals) for one in (champion, candidate))

    def named(count: int) -> dict[str, Any]:
        return {"count": count, "submissions": []}

    def about(version: str) -> dict[str, Any]:
        return {
            "version": version,
            "digest": "d" * 64,
            "ms_per_image": 5.2,
            "size_bytes": 15_000_000,
            "voters": ["north", "east", "south", "west", "stack"],
        }

    return {
        "champion": about("one"),
        "candidate": about("two"),
        "holdout": {
            "applicants": fakes + reals,
            "champion": before,
            "candidate": after,
            "weighted": weighted(before, after, fakes, audited, half),
            "recall_at_champions_load": 0.93,
            "difference": {
                "fakes": rates(champion[0], candidate[0], fakes),
                "reals": rates(champion[1], candidate[1], reals),
            },
            "groups": [
                {
                    "name": "Source",
                    "value": "mobile-app",
                    "fakes": rates(champion[0], candidate[0], fakes),
                    "reals": rates(champion[1], candidate[1], reals),
                },
                {"name": "Reason", "value": "Audit", "fakes": None, "reals": rates(4, 5, 10)},
            ],
            "risk": {
                "bins": 10,
                "fakes": spread(
                    fakes, champion=[3, 2, 1, 1, 1, 2, 4, 6, 8, 12], candidate=[1, 1, 1, 1, 1, 2, 4, 6, 9, 14]
                ),
                "reals": spread(
                    reals, champion=[9, 7, 5, 3, 2, 1, 1, 1, 0, 1], candidate=[10, 8, 5, 3, 2, 1, 1, 0, 0, 0]
                ),
            },
            "widest_differences": [],
            "changed": {
                "fakes_now_caught": named(7),
                "fakes_now_missed": named(1),
                "reals_now_spared": named(14),
                "reals_now_flagged": named(4),
            },
        },
        "replay": {
            "n": replayed,
            "unreadable": 3,
            "champion": estimate(loads[0], replayed),
            "candidate": estimate(loads[1], replayed),
            "difference": rates(*loads, replayed)["difference"],
            "curve": [
                {"shift": at["shift"], "load": around(at["recall"], 0.02, replayed)}
                for at in (point(step / 10, loads[1] / replayed, 0.1) for step in range(-30, 31))
            ],
            "groups": [
                {"name": "Format", "value": "JPEG", "all": rates(360, 300, 1200)},
                {"name": "Reason", "value": "Audit", "all": rates(4, 5, 10)},
            ],
            "now_flagged": named(25),
            "now_cleared": named(85),
        },
    }
