"""The operating point of a bundle: which miss rate its thresholds keep, and how it follows from the bundle before."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np

from detection.ensemble import Ensemble
from detection.voting import shifted
from estimation.intervals import clopper_pearson_upper
from ml.training.bundle_votes import votes_of
from ml.training.sides import AnySide
from ml.training.thresholds import (
    THRESHOLD_FAKES_MIN,
    MissLimit,
    choose_jointly,
    choose_thresholds,
    matched_thresholds,
    shrunk_thresholds,
)


@dataclass(frozen=True, slots=True)
class PreviousOperatingPoint:
    """The bundle that a candidate begins from, with its temperatures and its thresholds in production, (5,) each;
    fakes: how many the thresholds were chosen on."""

    served: Ensemble
    temperatures: Sequence[float]
    thresholds: Sequence[float]
    fakes: int

    @classmethod
    def of(cls, served: Ensemble, shift: float = 0.0) -> "PreviousOperatingPoint":
        """shift: of its thresholds in production, on the logit scale, so that a candidate follows what people have
        now. A bundle that does not say how many fakes its thresholds were chosen on counts like one of the least."""
        metrics, parts = served.bundle.metrics, served.bundle.parts
        stated = metrics.get("certificate") or metrics.get("thresholds", {}).get("certificate") or {}
        return cls(
            served,
            [part.temperature for part in parts],
            [shifted(part.threshold, shift) for part in parts],
            int(stated.get("fakes") or THRESHOLD_FAKES_MIN),
        )


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """All five together miss at most the share `miss` of the validation fakes.

    is_certified: `miss` is an upper bound at 95 % confidence for the sources' own fakes, and members and stack get
    rates of their own (`choose_jointly`), which also miss at most the share `made_miss` of synthesised forgeries.
    """

    miss: float
    is_certified: bool = False
    made_miss: float = 1.0

    def counted_fakes(self, side: AnySide) -> np.ndarray:
        """(N,) bool: the fakes of which a share may be missed."""
        return own_fakes(side) if self.is_certified else np.asarray(side.examples.label == 1)

    def choose(self, probability: np.ndarray, side: AnySide) -> np.ndarray:
        """(5,) thresholds. probability: (N, 5) of the side. Raises ValueError when too few fakes certify nothing."""
        if not self.is_certified:
            return choose_thresholds(probability, side.examples.label, self.miss)
        counted = self.counted_fakes(side)
        share = certified_share(int(counted.sum()), self.miss)
        limits = [MissLimit(counted, share), MissLimit(side.examples.made, self.made_miss)]
        in_force = [limit for limit in limits if limit.rows.any()]
        return choose_jointly(probability, side.examples.label, in_force, source=side.source)


def operating_thresholds(
    probability: np.ndarray, side: AnySide, rule: ThresholdRule, before: PreviousOperatingPoint | None
) -> tuple[np.ndarray, float | None]:
    """(5,) thresholds, and the share of the side that the bundle before flagged, if there is one."""
    thresholds = rule.choose(probability, side)
    if before is None:
        return thresholds, None
    votes, limits = votes_of(before.served, side), np.array(before.thresholds)
    matched = matched_thresholds(probability, votes, limits, side.weight)
    fakes = int(rule.counted_fakes(side).sum())
    flagged = float((votes >= limits).any(1).mean())
    return shrunk_thresholds(thresholds, matched, fakes, before.fakes), flagged


def threshold_metrics(
    probability: np.ndarray,
    thresholds: np.ndarray,
    side: AnySide,
    rule: ThresholdRule,
    before: PreviousOperatingPoint | None,
    was_flagged: float | None,
) -> dict[str, Any]:
    """How the thresholds were chosen, for the manifest. probability: (N, 5) of the side."""
    counted = rule.counted_fakes(side)
    return {
        "miss_rate_chosen_for": rule.miss,
        "miss_rate_of_synthesised_chosen_for": rule.made_miss if rule.is_certified else None,
        "thresholds_matched": before is not None and int(counted.sum()) < THRESHOLD_FAKES_MIN,
        "flagged_of_validation": {
            "before": was_flagged,
            "now": float((probability >= thresholds).any(1).mean()),
        },
        "certificate": certificate(probability[counted], thresholds),
    }


def certified_share(fakes: int, bound: float) -> float:
    """The largest share of the fakes that may be missed so that, at 95 % confidence, at most `bound` are.

    Raises ValueError when so few fakes certify nothing as low.
    """
    fitting = list(takewhile(lambda missed: clopper_pearson_upper(missed, fakes) <= bound, range(fakes)))
    if not fitting:
        raise ValueError(f"{fakes} fakes cannot certify a miss rate of {bound:.0%}: more are needed")
    return max(fitting) / fakes


def certificate(fakes: np.ndarray, thresholds: np.ndarray) -> dict[str, float | int]:
    """What the fakes that the thresholds were chosen on would certify had they not been: at most this share is cleared,
    with confidence 0.95. `test` is measured without that flaw.

    fakes: (N, 5) their probabilities; thresholds: (5,).
    """
    missed = int((fakes < thresholds).all(1).sum())
    return {
        "fakes": len(fakes),
        "missed": missed,
        "miss_rate_at_most": round(clopper_pearson_upper(missed, len(fakes)), 4),
        "confidence": 0.95,
    }


def own_fakes(side: AnySide) -> np.ndarray:
    """(N,) bool: the fakes that a source brought itself."""
    return np.asarray((side.examples.label == 1) & ~side.examples.made)
