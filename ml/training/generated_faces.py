"""The auxiliary model *Generated face*: a linear layer on pooled early features of EfficientNet-Lite0.

Both classes go through the same crops, post-processing and compression, and genuine faces come from every set, so that
collection and compression of the generated faces give away as little as can be; what they still do is reported.
"""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from detection.auxiliary import AuxiliaryModel, write_auxiliary_model
from detection.networks.hybrid import LITE0
from detection.networks.pooled_lite0 import PooledLite0
from estimation.intervals import clopper_pearson_upper
from ml.evaluation.metrics import auc
from ml.evaluation.metrics import share as share_of

NAME, TITLE = "generated_face", "Generated face"
LIMITS = (
    "Learned from faces of a few generators. Of faces of others it finds few: a low score is no evidence of a genuine "
    "face. "
    "Genuine faces that were retouched or reduced from large photographs raise it most."
)
SIDE = 224
STRENGTH = 30.0  # inverse of the penalty of the logistic regression


@dataclass(frozen=True, slots=True)
class FaceScores:
    """One side of the split: score (N,) in 0..1 as served, label (N,) 1 is generated, source and person (N,) str."""

    score: np.ndarray
    label: np.ndarray
    source: np.ndarray
    person: np.ndarray


def early_features(weights: dict[str, Tensor]) -> PooledLite0:
    """The network with ImageNet weights in its early blocks. weights: of `ml.training.pretrained.lite0_weights`."""
    network = PooledLite0().eval()
    early: Any = timm.create_model(LITE0, pretrained=False, num_classes=0)
    early.load_state_dict(weights)
    parts: Any = network.parts
    for source, target in zip((early.conv_stem, early.bn1, *early.blocks[:2]), parts[0], strict=True):
        target.load_state_dict(source.state_dict())
    parts[1].load_state_dict(early.blocks[2].state_dict())
    for source, target in zip(early.blocks[3:5], parts[2], strict=True):
        target.load_state_dict(source.state_dict())
    return network


def fit_judge(
    network: PooledLite0,
    features: np.ndarray,
    label: np.ndarray,
    source: np.ndarray,
    strength: float = STRENGTH,
) -> None:
    """Fits the linear layer in place; both classes weigh the same, and so does each set or generator of a class.

    features: (N, 352) of training faces; label: (N,) 1 is generated; source: (N,) str; strength: inverse of the
    penalty.
    """
    weight = np.zeros(len(label))
    for kind in (0, 1):
        names = sorted(set(source[label == kind]))
        for name in names:
            rows = (label == kind) & (source == name)
            weight[rows] = 1 / (len(names) * rows.sum())
    centre, spread = features.mean(0), features.std(0) + 1e-3
    model = LogisticRegression(C=strength, max_iter=3000)
    model.fit((features - centre) / spread, label, sample_weight=weight * len(label) / 2000)
    slope = model.coef_[0] / spread
    with torch.no_grad():
        network.judge.weight.zero_()
        network.judge.bias.zero_()
        network.judge.weight[1] = torch.from_numpy(slope).float()
        network.judge.bias[1] = float(model.intercept_[0] - slope @ centre)


def judged(network: PooledLite0, features: np.ndarray) -> np.ndarray:
    """(N,) float64 scores in 0..1. features: (N, 352) float32."""
    with torch.inference_mode():
        logits = network.judge(torch.from_numpy(features))
    return np.asarray(logits.softmax(1)[:, 1].double())


def certified_threshold(genuine: np.ndarray, share: float) -> tuple[float, int]:
    """The lowest threshold that, at 95 % confidence, at most `share` of genuine faces reach, and how many of these do.

    genuine: (N,) their scores on people that nothing was fitted to. Raises ValueError when so few certify nothing.
    """
    fitting = list(takewhile(lambda n: clopper_pearson_upper(n, len(genuine)) <= share, range(len(genuine))))
    if not fitting:
        raise ValueError(
            f"{len(genuine)} genuine faces cannot certify a share of {share:.1%}: more are needed"
        )
    ordered = np.sort(genuine)[::-1]
    reached = max(fitting)
    return float((ordered[reached - 1] + ordered[reached]) / 2 if reached else (1 + ordered[0]) / 2), reached


def exported(
    out: Path,
    network: PooledLite0,
    validation: FaceScores,
    test: FaceScores,
    *,
    share: float,
    provenance: dict[str, Any],
) -> AuxiliaryModel:
    """Writes the model with its threshold, certified on validation, and its figures, measured on test.

    Versions of one face are no independent draws. For the certificate each person counts once, with the highest score
    of all versions; a share counts versions, and its interval people.
    """
    rows = validation.label == 0
    genuine = highest_of_each(validation.score[rows], validation.person[rows])
    threshold, reached = certified_threshold(genuine, share)
    flagged = test.score >= threshold
    metrics: dict[str, Any] = {
        "auc": auc(test.label, test.score, test.person).as_dict(),
        "certificate": {
            "genuine": len(genuine),
            "reached": reached,
            "share_at_most": round(clopper_pearson_upper(reached, len(genuine)), 4),
            "confidence": 0.95,
        },
        "recall": _share(flagged, test.person, test.label == 1),
        "false_alarm": _share(flagged, test.person, test.label == 0),
        "false_alarm_by_source": {
            name: _share(flagged, test.person, (test.label == 0) & (test.source == name))
            for name in sorted(set(test.source[test.label == 0]))
        },
    }
    return write_auxiliary_model(
        out,
        network,
        name=NAME,
        title=TITLE,
        limits=LIMITS,
        architecture="pooled_lite0",
        arguments={},
        view="face",
        side=SIDE,
        metrics=metrics,
        provenance=provenance,
        review_above=threshold,
    )


def highest_of_each(score: np.ndarray, person: np.ndarray) -> np.ndarray:
    """(G,) of each person, the highest score. score: (N,) in 0..1; person: (N,)."""
    _, number = np.unique(person, return_inverse=True)
    found = np.zeros(number.max(initial=-1) + 1)
    np.maximum.at(found, number, score)
    return found


def _share(flagged: np.ndarray, person: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """The share of `rows` (N,) bool that is flagged; `n` counts versions, `faces` counts people."""
    return {
        **share_of(flagged[rows], person[rows]).as_dict(),
        "faces": len(np.unique(person[rows])),
    }
