"""`python -m ml generated-faces`: fits, certifies and writes the auxiliary model *Generated face*, and measures it on
generators that it did not learn from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from detection.auxiliary import AuxiliaryModel
from detection.networks.pooled_lite0 import PooledLite0
from ml.evaluation.metrics import auc, missing, rate
from ml.sources import generated
from ml.training import pretrained
from ml.training.generated_faces import (
    FaceScores,
    certified_threshold,
    early_features,
    exported,
    fit_judge,
    highest_of_each,
    judged,
)
from ml.training.generated_lists import FaceList, list_faces
from ml.training.generated_rows import FACTS, OWN_FILE, VERSIONS, FaceRows, face_rows

SHARE = 0.01  # of genuine people that reach the threshold in any version, at 95 % confidence
STRENGTHS = (0.3, 3.0, 30.0)  # of the fit, from which validation chooses
ONE_PERCENT = 0.01
TREES = 200


def train_generated_faces_model(
    data: Path,
    work: Path,
    out: Path,
    *,
    generators: Path | None = None,
    report: Path | None = None,
    left_out: Sequence[Sequence[str]] = (),
    share: float = SHARE,
    limit: int | None = None,
) -> AuxiliaryModel:
    """Lists, splits and measures the pictures, fits on training, chooses on validation, certifies there and measures on
    test.

    report: a JSON file for what is measured on withheld generators. left_out: groups of generators to withhold
    together; each alone without it. share: of genuine people that may reach the threshold. Raises PretrainedMissing,
    SourceMissing, and ValueError for unknown generators and where too few genuine people certify a threshold.
    """
    empty = generated.without_pictures(data, generators)
    if empty:
        print(f"Without pictures, and left out: {', '.join(map(str, empty))}")
    weights = pretrained.lite0_weights(work)
    faces = list_faces(data, work, generators=generators, limit=limit)
    groups = withheld_groups(faces, left_out)
    network = early_features(weights)
    rows = face_rows(faces, network, work)
    strength = fit(rows, network)
    scores = judged(network, rows.features)
    provenance = {
        "general_split": faces.general,
        "own_split": faces.own,
        "pictures": _counts(faces),
        "versions": VERSIONS,
        "strength": strength,
        "start": f"{pretrained.CREDIT}, {pretrained.digest(weights)}",
    }
    model = exported(
        out,
        network,
        _side(rows, scores, "validation"),
        _side(rows, scores, "test"),
        share=share,
        provenance=provenance,
    )
    if report:
        document = {
            "provenance": provenance,
            "side_facts": side_facts_tell(rows),
            "left_out": {"+".join(group): left_out_figures(rows, network, group, share) for group in groups},
        }
        report.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    return model


def withheld_groups(faces: FaceList, left_out: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The groups of generators to withhold in turn: `left_out`, or each of several alone. Raises ValueError for a name
    that no generated face has."""
    names = sorted({photo.source for photo in faces.photos if photo.label == "fake"})
    unknown = sorted({name for group in left_out for name in group} - set(names))
    if unknown:
        raise ValueError(f"no generated faces of {', '.join(unknown)}: there are {', '.join(names)}")
    return [tuple(group) for group in left_out] or [(name,) for name in names if len(names) > 1]


def fit(rows: FaceRows, network: PooledLite0, without: Sequence[str] = ()) -> float:
    """Fits the linear layer in place and returns its strength, with which the mean area over generators on validation
    is largest. without: generators whose faces are left out. Raises ValueError as `cannot_fit` says."""
    why = cannot_fit(rows, without)
    if why:
        raise ValueError(why)
    learned = (rows.side == "train") & (rows.version < VERSIONS) & ~_made_by(rows, without)

    def area(strength: float) -> float:
        fit_judge(network, rows.features[learned], rows.label[learned], rows.source[learned], strength)
        return validation_area(rows, judged(network, rows.features), without)

    best = max(STRENGTHS, key=area)
    area(best)
    return best


def cannot_fit(rows: FaceRows, without: Sequence[str] = ()) -> str:
    """Why nothing can be learned or chosen without these generators; empty when it can."""
    kept = (rows.label == 1) & ~_made_by(rows, without)
    who = f"without {', '.join(without)} there" if without else "there"
    for side, use in (("train", "to learn from"), ("validation", "to choose the penalty by")):
        if not (kept & (rows.side == side)).any():
            return (
                f"{who} is no generated face on the side of {side} {use}: add pictures of other generators, at least "
                "three of each that are no near-duplicates, and give another work folder"
            )
    return ""


def validation_area(rows: FaceRows, scores: np.ndarray, without: Sequence[str] = ()) -> float:
    """Mean over generators of the area under the ROC curve on validation, each against all genuine faces there."""
    held = (rows.side == "validation") & (rows.version < VERSIONS)
    genuine = held & (rows.label == 0)
    areas = []
    for name in sorted(set(rows.source[held & (rows.label == 1)]) - set(without)):
        chosen = genuine | (held & (rows.label == 1) & (rows.source == name))
        areas.append(auc(rows.label[chosen], scores[chosen], draws=1).value)
    return float(np.mean(areas))


def left_out_figures(
    rows: FaceRows, network: PooledLite0, names: Sequence[str], share: float
) -> dict[str, Any]:
    """Figures of generators that neither fit, choice nor threshold saw, on their validation and test pictures.

    network: its linear layer is fitted again. Recall is told at the certified threshold, and at the one that 1 % of
    genuine test rows reach, which is chosen on test; of versions saved like genuine files, and of the generator's own
    files. Intervals are of people. What the split leaves without faces is missing, and says why.
    """
    why = cannot_fit(rows, names)
    withheld = (rows.side != "train") & _made_by(rows, names)
    if not why and not withheld.any():
        why = f"all faces of {', '.join(names)} are on the side of train"
    if why:
        return missing(why)
    strength = fit(rows, network, names)
    scores = judged(network, rows.features)
    threshold = certified(rows, scores, share)
    genuine = (rows.side == "test") & (rows.label == 0) & (rows.version < VERSIONS)
    loose = threshold_at(scores[genuine], ONE_PERCENT)
    kinds = {
        "as_genuine_files": withheld & (rows.version < VERSIONS),
        "own_files": withheld & (rows.version == OWN_FILE),
    }
    told: dict[str, Any] = {
        "strength": strength,
        "threshold": threshold,
        "threshold_at_1_percent": loose,
        "false_alarm": _rate(scores >= threshold, rows, genuine),
        "side_facts": side_facts_tell(rows, names),
    }
    for kind, chosen in kinds.items():
        both = genuine | chosen
        told[kind] = {
            "faces": len(np.unique(rows.person[chosen])),
            "auc": auc(rows.label[both], scores[both], rows.person[both]).as_dict(),
            "recall": _rate(scores >= threshold, rows, chosen),
            "recall_at_1_percent": _rate(scores >= loose, rows, chosen),
        }
    return told


def certified(rows: FaceRows, scores: np.ndarray, share: float) -> float:
    """The threshold that validation certifies; each genuine person counts once, with the highest score."""
    side = _side(rows, scores, "validation")
    real = side.label == 0
    return certified_threshold(highest_of_each(side.score[real], side.person[real]), share)[0]


def threshold_at(genuine: np.ndarray, share: float) -> float:
    """The lowest threshold that at most `share` of these scores reach. genuine: (N,) in 0..1."""
    ordered = np.sort(genuine)[::-1]
    return float(np.nextafter(ordered[int(share * len(ordered))], 2))


def side_facts_tell(rows: FaceRows, names: Sequence[str] = ()) -> dict[str, Any]:
    """How well facts of the file tell generated from genuine faces: areas on test of forests on size, sharpness,
    blockiness and colour of the border, and on all but the size, which no view of a face shows. Near 0.5 they give
    nothing away. names: generators that are measured and not learned from; without them, all of both. Missing when none
    of their faces is on the side of test."""
    compared, tested = rows.version < VERSIONS, rows.side == "test"
    learned = compared & (rows.side == "train") & ~_made_by(rows, names)
    wanted = tested & (_made_by(rows, names) if names else rows.label == 1)
    if not wanted.any():
        return missing("none of these faces is on the side of test")
    held = compared & (wanted | (tested & (rows.label == 0)))
    found = {}
    for name, part in FACTS.items():
        forest = RandomForestClassifier(
            TREES, min_samples_leaf=5, class_weight="balanced", random_state=0, n_jobs=1
        ).fit(rows.facts[learned, part], rows.label[learned])
        score = forest.predict_proba(rows.facts[held, part])[:, 1]
        found[name] = auc(rows.label[held], score, rows.person[held]).as_dict()
    return found


def _made_by(rows: FaceRows, names: Sequence[str]) -> np.ndarray:
    """(M,) bool: the generated faces of these sources, without the photographs of the same collection."""
    return (rows.label == 1) & np.isin(rows.source, names)


def _rate(hit: np.ndarray, rows: FaceRows, chosen: np.ndarray) -> dict[str, Any]:
    return rate(hit[chosen], rows.person[chosen], "no such picture")


def _side(rows: FaceRows, scores: np.ndarray, side: str) -> FaceScores:
    chosen = (rows.side == side) & (rows.version < VERSIONS)
    return FaceScores(scores[chosen], rows.label[chosen], rows.source[chosen], rows.person[chosen])


def _counts(faces: FaceList) -> dict[str, dict[str, int]]:
    """Pictures by source and label, and by side."""
    found: dict[str, dict[str, int]] = {}
    for photo, side in zip(faces.photos, faces.side, strict=True):
        row = found.setdefault(f"{photo.source} {photo.label}", {"train": 0, "validation": 0, "test": 0})
        row[str(side)] += 1
    return found
