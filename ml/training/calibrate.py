"""After the members are frozen: fit the stack, set temperatures and thresholds, measure, and write the bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from detection.bundle import Bundle as ShippedBundle
from detection.ensemble import Ensemble
from detection.networks.stacking import Stacking
from estimation.intervals import clopper_pearson_upper
from ml.evaluation.against_champion import against_champion
from ml.evaluation.forgeries import forgeries
from ml.evaluation.outcome import outcome
from ml.evaluation.people import by_people
from ml.training.bundle_writer import Voter, write_bundle
from ml.training.loop import device_of
from ml.training.sides import AnySide, StoredSplitSide
from ml.training.stacking import (
    PULL,
    THRESHOLD_FAKES_MIN,
    MissLimit,
    calibrated_probabilities,
    choose_jointly,
    choose_thresholds,
    fit_stack,
    fit_temperature,
    matched_thresholds,
    mean_of_members,
    shrunk_temperature,
    shrunk_thresholds,
)


@dataclass(frozen=True, slots=True)
class PreviousOperatingPoint:
    """The bundle that a candidate begins from, with its temperatures and thresholds, (5,) each; fakes: how many the
    thresholds were chosen on."""

    served: Ensemble
    temperatures: Sequence[float]
    thresholds: Sequence[float]
    fakes: int

    @classmethod
    def of(cls, served: Ensemble) -> "PreviousOperatingPoint":
        """A bundle that does not say how many fakes its thresholds were chosen on counts like one of the least."""
        metrics, parts = served.bundle.metrics, served.bundle.parts
        stated = metrics.get("certificate") or metrics.get("thresholds", {}).get("certificate") or {}
        return cls(
            served,
            [part.temperature for part in parts],
            [part.threshold for part in parts],
            int(stated.get("fakes") or THRESHOLD_FAKES_MIN),
        )


def served_logits(served: Ensemble, side: AnySide, batch: int = 32) -> np.ndarray:
    """(N, 8) float32 logits of a packed bundle's members, in the precision in which they serve."""
    views, found, count = {member.view for member in served.bundle.members}, [], len(side.source)
    for start in range(0, count, batch):
        rows = np.arange(start, min(start + batch, count))
        each = served.logits_of_inputs({view: side.inputs(rows, view) for view in views})
        found.append(torch.cat(each, 1).cpu().numpy())
    return np.concatenate(found)


@dataclass(frozen=True, slots=True)
class SplitSides:
    """The sides that members were not trained on: the stack and the temperatures are fitted on the first, thresholds
    are chosen on the second, the third is only measured."""

    stack: AnySide
    validation: AnySide
    test: AnySide


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
        return _own(side) if self.is_certified else np.asarray(side.examples.label == 1)

    def choose(self, probability: np.ndarray, side: AnySide) -> np.ndarray:
        """(5,) thresholds. probability: (N, 5) of the side. Raises ValueError when too few fakes certify nothing."""
        if not self.is_certified:
            return choose_thresholds(probability, side.examples.label, self.miss)
        counted = self.counted_fakes(side)
        share = certified_share(int(counted.sum()), self.miss)
        limits = [MissLimit(counted, share), MissLimit(side.examples.made, self.made_miss)]
        in_force = [limit for limit in limits if limit.rows.any()]
        return choose_jointly(probability, side.examples.label, in_force, source=side.source)


def calibrate_and_write(
    out: Path,
    voters: Sequence[Voter],
    sides: SplitSides,
    rule: ThresholdRule,
    *,
    version: str,
    provenance: Mapping[str, Any],
    card: str,
    start: Stacking | None = None,
    own_weight: float = 1.0,
    pull: float = PULL,
    before: PreviousOperatingPoint | None = None,
    champion: Ensemble | None = None,
) -> ShippedBundle:
    """The bundle of these members; all figures are computed by the packed bundle, as it will be served.

    own_weight: how much more rows of sources with fakes of their own count in the stack's fit; start, pull: of
    `fit_stack`. before: the operating point of the bundle that the members began from; few rows then move temperatures
    little, and as many rows are flagged as before. champion: the bundle that serves, measured on the same test side.
    """
    write = partial(write_bundle, out, voters, version=version, card=card)
    untrained = start or mean_of_members()
    draft = write(untrained, thresholds=[0.5] * 5, temperatures=[1.0] * 5, provenance={}, metrics={})
    served = Ensemble(draft, device_of(voters[0].network))
    stack, temperatures = _fitted(served, sides.stack, start, own_weight, pull, before)
    on_validation, on_test = (
        calibrated_probabilities(_with_stack(stack, served_logits(served, side)), temperatures)
        for side in (sides.validation, sides.test)
    )
    thresholds, was_flagged = _thresholds(on_validation, sides.validation, rule, before)
    names = [*(voter.name for voter in voters), "stack"]
    metrics = _threshold_metrics(on_validation, thresholds, sides.validation, rule, before, was_flagged) | {
        "validation": _measure(on_validation, thresholds, names, sides.validation),
        "test": _measure(on_test, thresholds, names, sides.test),
    }
    if champion is not None:
        metrics["against_champion"] = _against(champion, on_test, sides.test)
    return write(
        stack,
        thresholds=thresholds.tolist(),
        temperatures=temperatures,
        provenance=provenance,
        metrics=metrics,
    )


def _against(champion: Ensemble, probability: np.ndarray, side: AnySide) -> dict[str, Any]:
    """The stack's probability, last of (N, 5), next to the champion's on the same side."""
    return against_champion(
        stack_probability(champion, side),
        probability[:, -1],
        label=side.examples.label,
        person=side.group,
        weight=side.weight,
    )


def _fitted(
    served: Ensemble,
    side: AnySide,
    start: Stacking | None,
    own_weight: float,
    pull: float,
    before: PreviousOperatingPoint | None,
) -> tuple[Stacking, list[float]]:
    """The stack and the five temperatures."""
    logits, label, soft = served_logits(served, side), side.examples.label, side.soft
    weight = side.weight if own_weight == 1 else own_weights(side, own_weight)
    stack = fit_stack(logits, label, start=start, row_weight=weight, pull=pull, soft=soft)
    ten = _with_stack(stack, logits)
    temperatures = [fit_temperature(ten[:, 2 * k : 2 * k + 2], label, weight, soft) for k in range(5)]
    if before is None:
        return stack, temperatures
    pairs = zip(temperatures, before.temperatures, strict=True)
    return stack, [shrunk_temperature(fitted, was, len(label)) for fitted, was in pairs]


def _thresholds(
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


def _threshold_metrics(
    probability: np.ndarray,
    thresholds: np.ndarray,
    side: AnySide,
    rule: ThresholdRule,
    before: PreviousOperatingPoint | None,
    was_flagged: float | None,
) -> dict[str, Any]:
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


def stack_probability(served: Ensemble, side: AnySide) -> np.ndarray:
    """(N,) probabilities of fake by a packed bundle's stack, as in production."""
    return votes_of(served, side)[:, -1]


def votes_of(served: Ensemble, side: AnySide) -> np.ndarray:
    """(N, 5) probabilities of fake by a packed bundle's five votes, as in production."""
    stack = Stacking(len(served.bundle.members))
    stack.load_state_dict(load_file(served.bundle.path / served.bundle.stack.file))
    ten = _with_stack(stack, served_logits(served, side))
    return calibrated_probabilities(ten, [part.temperature for part in served.bundle.parts])


def _own(side: AnySide) -> np.ndarray:
    """(N,) bool: the fakes that a source brought itself."""
    return np.asarray((side.examples.label == 1) & ~side.examples.made)


def certified_share(fakes: int, bound: float) -> float:
    """The largest share of the fakes that may be missed so that, at 95 % confidence, at most `bound` are.

    Raises ValueError when so few fakes certify nothing as low.
    """
    fitting = list(takewhile(lambda missed: clopper_pearson_upper(missed, fakes) <= bound, range(fakes)))
    if not fitting:
        raise ValueError(f"{fakes} fakes cannot certify a miss rate of {bound:.0%}: more are needed")
    return max(fitting) / fakes


def own_weights(side: AnySide, factor: float) -> np.ndarray:
    """(N,) float32, mean 1 within each label: rows of sources that bring fakes of their own count `factor` times."""
    weight = np.where(
        np.isin(side.source, np.unique(side.source[_own(side)])) & ~side.examples.made, factor, 1.0
    )
    for label in (0, 1):
        rows = side.examples.label == label
        weight[rows] /= weight[rows].mean()
    return weight.astype(np.float32)


def _with_stack(stack: Stacking, logits: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate([logits, stack(torch.from_numpy(logits)).numpy()], 1)


def _measure(
    probability: np.ndarray, thresholds: np.ndarray, names: list[str], side: AnySide
) -> dict[str, Any]:
    examples = side.examples
    own = (examples.label == 1) & ~examples.made
    report = outcome(
        probability,
        thresholds,
        names,
        label=examples.label,
        source=side.source,
        group=side.group,
        own=own,
    )
    if examples.made.any():
        report["forgeries"] = forgeries(examples, probability[:, -1], side.group)
    if isinstance(side, StoredSplitSide) and side.belongs:
        flagged = np.asarray((probability >= thresholds).any(1))
        report["people"] = by_people(side.belongs, side.source, examples.label, flagged)
    return report


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
