"""The report of a run: turns its `results.json` and `scores.json` into one document.

`build` computes it, `page.render` draws it. Figures are of the test side; calls are made at the thresholds that the run
chose on validation, and at one half where it chose none.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_curve

from estimation.intervals import CONFIDENCE, clopper_pearson_upper
from ml.evaluation.calibration import calibration
from ml.evaluation.metrics import at_prevalence, auc, missing, rate, resampled, share
from ml.evaluation.selective import PREVALENCE, selective
from ml.evaluation.slices import by_source, of_rff

FORMAT = "kyc-review/report/1"
REPORT, PAGE = "report.json", "report.html"


def write(out: Path) -> Path:
    """Writes `report.json` and `report.html` next to a run's results and returns the latter's path.

    Raises ValueError when the folder holds no finished run.
    """
    from ml.evaluation.page import render

    document = build(out)
    (out / REPORT).write_text(json.dumps(document, indent=1))
    (out / PAGE).write_text(render(document, out))
    return out / PAGE


def build(out: Path) -> dict[str, Any]:
    """The document. Raises ValueError when the folder holds no finished run."""
    try:
        results = json.loads((out / "results.json").read_text())
        scores = json.loads((out / "scores.json").read_text())
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: expected the folder of a finished run") from error
    return {
        "format": FORMAT,
        **results,
        "sides": {s["side"]: side(s) for s in scores if _both(s["label"])},
        "left_out": {s["side"]: missing("has one class only") for s in scores if not _both(s["label"])},
    }


def side(scores: dict[str, Any]) -> dict[str, Any]:
    """All figures of one side's scores. scores: a `Scores` as a dict; both classes present."""
    label, score = np.array(scores["label"]), np.array(scores["score"])
    group, source = np.array(scores["group"]), np.array(scores["source"])
    flagged = calls(scores)
    tables = {
        "areas": {
            "auc": auc(label, score, group).as_dict(),
            **resampled({"average_precision": _precision}, label, score, group),
        },
        "voters": voters(scores, label, group),
        "confusion": confusion(label, flagged, group),
        "selective": selective(label, score, group),
        "calibration": calibration(label, score, group),
        "by_source": by_source(label, flagged, source, group),
        "rff": of_rff(scores["key"], label, score, flagged, group),
    }
    return {"roc": _roc(label, score), **tables}


def calls(scores: dict[str, Any]) -> np.ndarray:
    """(N,) bool: what goes to a person, because any voter calls it fake."""
    votes = scores.get("votes") or {"": scores["score"]}
    thresholds = scores.get("thresholds") or {}
    return np.any([np.array(p) >= thresholds.get(name, 0.5) for name, p in votes.items()], axis=0)


def voters(scores: dict[str, Any], label: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """Each voter separately at its threshold: area, recall, precision, F1. Empty where only one votes."""
    rows = {}
    for name, p in scores.get("votes", {}).items():
        probability, threshold = np.array(p), scores["thresholds"].get(name, 0.5)
        flagged, fake = probability >= threshold, label == 1
        caught, all_flagged = int((flagged & fake).sum()), int(flagged.sum())
        rows[name] = {
            "threshold": round(float(threshold), 4),
            "auc": auc(label, probability, group).as_dict(),
            "recall": share(flagged[fake], group[fake]).as_dict(),
            "precision": rate(fake[flagged], group[flagged], "no call"),
            "f1": round(2 * caught / (all_flagged + int(fake.sum())), 4),
        }
    return rows


def confusion(label: np.ndarray, flagged: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """Counts, rates over people, the same at 1:1000, and the certified miss rate. label, flagged, group: (N,)."""
    fake = label == 1
    caught, alarms = int(flagged[fake].sum()), int(flagged[~fake].sum())
    fakes, reals = int(fake.sum()), int((~fake).sum())
    recall, alarm = share(flagged[fake], group[fake]), share(flagged[~fake], group[~fake])
    world = at_prevalence(recall.value, alarm.value, PREVALENCE)
    return {
        "fake": [fakes - caught, caught],
        "real": [reals - alarms, alarms],
        "recall_with_human": recall.as_dict(),
        "false_alarm": alarm.as_dict(),
        "review_load": share(flagged, group).as_dict(),
        "cleared_that_are_fake": rate(fake[~flagged], group[~flagged], "nothing was cleared"),
        "at_one_in_1000": {name: round(value, 5) for name, value in world.items()},
        "certified_miss_rate": round(clopper_pearson_upper(fakes - caught, fakes), 4),
        "certified_at": CONFIDENCE,
    }


def _precision(label: np.ndarray, score: np.ndarray) -> float:
    return float(average_precision_score(label, score))


def _roc(label: np.ndarray, score: np.ndarray) -> list[list[float]]:
    alarm, recall, _ = roc_curve(label, score)
    return [[round(float(a), 5), round(float(r), 5)] for a, r in zip(alarm, recall, strict=True)]


def _both(label: list[int]) -> bool:
    return 0 < sum(label) < len(label)
