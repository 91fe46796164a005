"""Compares two bundles on the same faces, in terms of work for people: `python -m ml compare`.

Both run through the serving code. Labelled faces are those of held-out applicants, which no candidate trains
on. Most labels exist because the champion flagged the face, so rates are reported twice: `weighted` by one over the
stored chance of that, which estimates the rate among all submissions, and unweighted, each face once. Pictures that a
check of the picture keeps from being cleared are counted apart (`by_checks`): no vote can miss or find them. The
replayed ones are the latest submissions, labelled or not; they show the expected review load without any selection.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detection.ensemble import Ensemble
from detection.voting import shifted
from estimation.intervals import clopper_pearson_upper
from ml.batch_scoring import score_pictures
from ml.evaluation.at_points import changed_counts, matched_points
from ml.evaluation.groups import held_out_groups, matched_difference, rates, replay_groups
from ml.evaluation.metrics import wilson
from ml.evaluation.scores_compared import risk_histogram, widest_differences
from ml.evaluation.votes import VoteTable
from ml.evaluation.weighted_groups import weighted_groups
from ml.evaluation.weighted_report import weighted_report
from ml.sources import Photo
from ml.sources import manifest as snapshots
from ml.training.progress import Progress

NAMED_MAX = 200  # submissions named for each kind of change
# Added to every voter's threshold on the logit scale; each value is one operating point.
SHIFTS = np.round(np.arange(-3.0, 3.01, 0.1), 2)


class NothingHeldOut(ValueError):
    """The snapshot has no held-out applicant of one label; the message says what to do."""


def compare(
    manifest: Path,
    champion: Path,
    candidate: Path,
    *,
    champion_shift: float = 0.0,
    replay: Path | None = None,
    groups: Path | None = None,
    work: Path | None = None,
) -> dict[str, Any]:
    """The report on candidate and champion; with `work`, progress goes to its progress.jsonl.

    champion_shift: of its thresholds in production, on the logit scale, so that it is measured as it is used. replay: a
    file with one `<submission> <path>` per line. groups: a file with one JSON object per line,
    {"submission": ..., "groups": {grouping: value}}; without it, held-out faces have their source only. Raises
    NothingHeldOut, SourceMissing, BundleRefused, ValueError.
    """
    photos = _held_out_photos(manifest)
    replayed = _listed(replay)
    paths = [photo.path for photo in photos] + [path for _, path in replayed]
    ensembles = {
        "champion": Ensemble.load(champion, shift=champion_shift),
        "candidate": Ensemble.load(candidate),
    }
    found = score_pictures(
        ensembles, paths, Progress(work / "progress.jsonl" if work else None, of=len(paths))
    )
    thresholds = {role: np.array(ensemble.thresholds) for role, ensemble in ensembles.items()}
    scores = {role: (found[role].probability, thresholds[role]) for role in ensembles}
    report: dict[str, Any] = {
        role: _facts_of(ensemble, thresholds[role], found[role].per_image_ms)
        for role, ensemble in ensembles.items()
    }
    belongs = _belonging(groups)
    faceless = np.any([found[role].faceless for role in ensembles], axis=0)[: len(photos)]
    by_checks = np.array([photo.sent_by_checks for photo in photos]) & ~faceless
    judged = ~faceless & ~by_checks
    held_out = {role: (rows[: len(photos)][judged], limits) for role, (rows, limits) in scores.items()}
    shown = [photo for photo, is_judged in zip(photos, judged, strict=True) if is_judged]
    if {photo.label for photo in shown} != {"real", "fake"}:
        raise NothingHeldOut(
            f"of {len(photos)} held-out pictures {int(faceless.sum())} show no face to a bundle that looks at faces, "
            f"and {int(by_checks.sum())} went to people by a check of the picture: both labels need pictures that "
            "the votes decide on"
        )
    report["holdout"] = _holdout(shown, held_out, belongs) | {
        "without_face": int(faceless.sum()),
        "by_checks": _by_checks(photos, by_checks, scores),
    }
    report["replay"] = _replay([name for name, _ in replayed], scores, len(photos), belongs)
    return report


def _held_out_photos(manifest: Path) -> list[Photo]:
    """The snapshot's photos of held-out applicants, of both labels. Raises NothingHeldOut."""
    photos = [photo for photo in snapshots.read(manifest) if photo.holdout]
    for label in ("real", "fake"):
        if not any(photo.label == label for photo in photos):
            raise NothingHeldOut(
                f"no held-out applicant of the snapshot was labelled {label}; about a fifth of all applicants is held "
                "out: decide on more, then make a new snapshot"
            )
    return photos


def _facts_of(ensemble: Ensemble, thresholds: np.ndarray, per_image_ms: float) -> dict[str, Any]:
    """What the report says about a bundle apart from its quality. thresholds: (5,) probabilities."""
    size = sum((ensemble.bundle.path / part.file).stat().st_size for part in ensemble.bundle.networks)
    return {
        "version": ensemble.version,
        "digest": ensemble.digest,
        "ms_per_image": round(per_image_ms, 2),
        "size_bytes": size,
        "shift": ensemble.shift,
        "thresholds": thresholds.tolist(),
        "voters": [part.name for part in ensemble.bundle.parts],
    }


def _belonging(file: Path | None) -> dict[str, dict[str, str]]:
    """Submission -> the value of each grouping that it has."""
    if file is None:
        return {}
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return {row["submission"]: row["groups"] for row in rows}


def _listed(file: Path | None) -> list[tuple[str, Path]]:
    if file is None:
        return []
    rows = [line.split(" ", 1) for line in file.read_text().splitlines() if " " in line]
    return [(name, Path(path)) for name, path in rows]


def _holdout(
    photos: list[Photo],
    scores: dict[str, tuple[np.ndarray, np.ndarray]],
    belongs: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    label = np.array([photo.label == "fake" for photo in photos], int)
    source = np.array([photo.source for photo in photos])
    flagged: dict[str, np.ndarray] = {}
    report: dict[str, Any] = {"applicants": len({(p.source, p.identity) for p in photos})}
    for role, (probability, thresholds) in scores.items():
        if np.isnan(probability).any():
            raise ValueError("an image of the snapshot cannot be read: make a new snapshot")
        flagged[role] = np.asarray((probability >= thresholds).any(1))
        report[role] = VoteTable.count(probability, thresholds, label).as_dict()
        report[role]["by_source"] = {
            name: VoteTable.count(probability[source == name], thresholds, label[source == name]).as_dict()
            for name in sorted(set(source))
            if len(set(label[source == name])) == 2
        }
        report[role]["curve"] = curve(probability, thresholds, label)
    report["unweighted_means"] = (
        "each held-out face counts once, which favours the bundle that chose what people saw"
    )
    known = [belongs.get(photo.submission, {"Source": photo.source}) for photo in photos]
    report["weighted"] = _weighted(photos, scores, label, flagged["champion"], known)
    names = [photo.submission for photo in photos]
    before, after = flagged["champion"], flagged["candidate"]
    report["changed"] = {
        "fakes_now_caught": _named(names, (label == 1) & ~before & after),
        "fakes_now_missed": _named(names, (label == 1) & before & ~after),
        "reals_now_spared": _named(names, (label == 0) & before & ~after),
        "reals_now_flagged": _named(names, (label == 0) & ~before & after),
    }
    moved = flagged_at_shifts(*scores["candidate"])
    report["changed_points"] = changed_counts(label, before, moved, SHIFTS)
    report["difference"] = {
        "fakes": rates(before[label == 1], after[label == 1]),
        "reals": rates(before[label == 0], after[label == 0]),
    }
    report["groups"] = held_out_groups(known, label, before, after)
    weight = np.array([photo.weight for photo in photos])
    report["risk"] = risk_histogram(scores, label, weight)
    report["widest_differences"] = widest_differences(names, scores, label, weight)
    load = report["champion"]["false_alarm"]["value"]
    report["recall_at_champions_load"] = recall_at(report["candidate"]["curve"], load)
    return report


def _by_checks(
    photos: list[Photo], rows: np.ndarray, scores: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    """What checks sent to people, and how much of it each bundle's votes alone would have. rows: (N,) bool."""
    label = np.array([photo.label == "fake" for photo in photos], int)
    found: dict[str, Any] = {}
    for name, value in (("fakes", 1), ("reals", 0)):
        chosen = rows & (label == value)
        flagged = {
            role: int((probability[: len(photos)][chosen] >= limits).any(1).sum())
            for role, (probability, limits) in scores.items()
        }
        found[name] = {"n": int(chosen.sum())} | flagged
    return found


def _weighted(
    photos: list[Photo],
    scores: dict[str, tuple[np.ndarray, np.ndarray]],
    label: np.ndarray,
    champion: np.ndarray,
    belongs: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Rates among all submissions, overall, along both curves and by group, with the worst group at each shift."""
    design: dict[str, Any] = {
        "weight": np.array([photo.weight for photo in photos]),
        "applicant": np.array([f"{photo.source}/{photo.identity}" for photo in photos]),
        "label": label,
        "champion": champion,
        "candidate": flagged_at_shifts(*scores["candidate"]),
        "shifts": SHIFTS,
    }
    was_cleared = np.array([photo.was_cleared for photo in photos])
    champion_moved = flagged_at_shifts(*scores["champion"])
    found = weighted_report(**design, was_cleared=was_cleared, champion_moved=champion_moved)
    found["groups"], worst = weighted_groups(belongs, **design)
    for point, of_point in zip(found["points"], worst, strict=True):
        point["worst_groups"] = of_point
    return found


def flagged_at_shifts(probability: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(N, S) bool: whether a face reaches a person when all thresholds are moved by each of SHIFTS."""
    moved = np.array(
        [[shifted(float(threshold), float(shift)) for threshold in thresholds] for shift in SHIFTS]
    )
    return np.stack([(probability >= limits).any(1) for limits in moved], 1)


def curve(probability: np.ndarray, thresholds: np.ndarray, label: np.ndarray) -> list[dict[str, float]]:
    """Operating points, one for each of SHIFTS: share of fakes that reach a person, and of reals that do, unweighted.

    miss_at_most is the certified bound for a single point chosen before these faces were seen.
    """
    points = []
    for shift, flagged in zip(SHIFTS, flagged_at_shifts(probability, thresholds).T, strict=True):
        points.append(
            {
                "shift": float(shift),
                "recall": round(float(flagged[label == 1].mean()), 4),
                "false_alarm": round(float(flagged[label == 0].mean()), 4),
                "miss_at_most": round(
                    clopper_pearson_upper(int((~flagged[label == 1]).sum()), int((label == 1).sum())), 4
                ),
            }
        )
    return points


def recall_at(points: Iterable[dict[str, float]], false_alarm: float) -> float:
    """The best recall among the operating points that flag no more reals than this; 0 when none does."""
    return max((point["recall"] for point in points if point["false_alarm"] <= false_alarm), default=0.0)


def _replay(
    names: list[str],
    scores: dict[str, tuple[np.ndarray, np.ndarray]],
    skip: int,
    belongs: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """The share of the latest submissions that would go to a person, and the submissions whose outcome would
    change."""
    probability = {role: rows[skip:] for role, (rows, _) in scores.items()}
    readable = ~np.isnan(probability["champion"]).any(1) & ~np.isnan(probability["candidate"]).any(1)
    if not readable.any():
        return {"n": 0, "unreadable": len(names)}
    flagged = {
        role: np.asarray((probability[role][readable] >= scores[role][1]).any(1))
        for role in ("champion", "candidate")
    }
    moved = flagged_at_shifts(probability["candidate"][readable], scores["candidate"][1])
    before, count = flagged["champion"], int(readable.sum())
    kept = [name for name, fine in zip(names, readable, strict=True) if fine]
    return {
        "n": count,
        "unreadable": len(names) - count,
        "champion": wilson(int(flagged["champion"].sum()), count).as_dict(),
        "candidate": wilson(int(flagged["candidate"].sum()), count).as_dict(),
        "difference": matched_difference(flagged["champion"], flagged["candidate"]).as_dict(),
        "curve": [
            {
                "shift": float(shift),
                "load": wilson(int(rows.sum()), count).as_dict(),
                "difference": matched_difference(before, rows).as_dict(),
                "now_flagged": int((~before & rows).sum()),
                "now_cleared": int((before & ~rows).sum()),
            }
            for shift, rows in zip(SHIFTS, moved.T, strict=True)
        ],
        "groups": [
            group | {"all": group["all"] | {"points": matched_points(before[rows], moved[rows])}}
            for group, rows in replay_groups(
                [belongs.get(name, {}) for name in kept], before, flagged["candidate"]
            )
        ],
        "now_flagged": _named(kept, ~flagged["champion"] & flagged["candidate"]),
        "now_cleared": _named(kept, flagged["champion"] & ~flagged["candidate"]),
    }


def _named(names: Sequence[str], rows: np.ndarray) -> dict[str, Any]:
    chosen = [name for name, row in zip(names, rows, strict=True) if row]
    return {"count": len(chosen), "submissions": chosen[:NAMED_MAX]}
