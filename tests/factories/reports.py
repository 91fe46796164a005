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


def report(
    champion: tuple[int, int] = (30, 60),
    candidate: tuple[int, int] = (36, 50),
    fakes: int = 40,
    reals: int = 200,
) -> dict[str, Any]:
    """champion, candidate: (fakes that reach a person, reals that do)."""

    def named(count: int) -> dict[str, Any]:
        return {"count": count, "submissions": []}

    def about(version: str) -> dict[str, Any]:
        return {"version": version, "digest": "d" * 64, "ms_per_image": 5.2, "size_bytes": 15_000_000}

    return {
        "champion": about("one"),
        "candidate": about("two"),
        "holdout": {
            "applicants": fakes + reals,
            "champion": table(champion[0], fakes, champion[1], reals),
            "candidate": table(candidate[0], fakes, candidate[1], reals),
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
            "changed": {
                "fakes_now_caught": named(7),
                "fakes_now_missed": named(1),
                "reals_now_spared": named(14),
                "reals_now_flagged": named(4),
            },
        },
        "replay": {
            "n": 1200,
            "unreadable": 3,
            "champion": estimate(360, 1200),
            "candidate": estimate(300, 1200),
            "difference": rates(360, 300, 1200)["difference"],
            "groups": [
                {"name": "Format", "value": "JPEG", "all": rates(360, 300, 1200)},
                {"name": "Reason", "value": "Audit", "all": rates(4, 5, 10)},
            ],
            "now_flagged": named(25),
            "now_cleared": named(85),
        },
    }
