"""After the members are frozen: fit the stack, set temperatures and thresholds, measure, and write the bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detection.bundle import Bundle as ShippedBundle
from detection.ensemble import Ensemble
from detection.networks.stacking import Stacking
from ml.evaluation.against_champion import against_champion
from ml.evaluation.forgeries import forgeries
from ml.evaluation.outcome import outcome
from ml.evaluation.people import by_people
from ml.training.bundle_votes import served_logits, stack_probability, with_stack
from ml.training.bundle_writer import Voter, write_bundle
from ml.training.loop import device_of
from ml.training.operating_point import (
    PreviousOperatingPoint,
    ThresholdRule,
    operating_thresholds,
    own_fakes,
    threshold_metrics,
)
from ml.training.sides import AnySide, StoredSplitSide
from ml.training.stacking import PULL, fit_stack, mean_of_members
from ml.training.temperatures import calibrated_probabilities, fit_temperature, shrunk_temperature


@dataclass(frozen=True, slots=True)
class SplitSides:
    """The sides that members were not trained on: the stack and the temperatures are fitted on the first, thresholds
    are chosen on the second, the third is only measured."""

    stack: AnySide
    validation: AnySide
    test: AnySide


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
        calibrated_probabilities(with_stack(stack, served_logits(served, side)), temperatures)
        for side in (sides.validation, sides.test)
    )
    thresholds, was_flagged = operating_thresholds(on_validation, sides.validation, rule, before)
    names = [*(voter.name for voter in voters), "stack"]
    metrics = threshold_metrics(on_validation, thresholds, sides.validation, rule, before, was_flagged) | {
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
    ten = with_stack(stack, logits)
    temperatures = [fit_temperature(ten[:, 2 * k : 2 * k + 2], label, weight, soft) for k in range(5)]
    if before is None:
        return stack, temperatures
    pairs = zip(temperatures, before.temperatures, strict=True)
    return stack, [shrunk_temperature(fitted, was, len(label)) for fitted, was in pairs]


def own_weights(side: AnySide, factor: float) -> np.ndarray:
    """(N,) float32, mean 1 within each label: rows of sources that bring fakes of their own count `factor` times."""
    weight = np.where(
        np.isin(side.source, np.unique(side.source[own_fakes(side)])) & ~side.examples.made, factor, 1.0
    )
    for label in (0, 1):
        rows = side.examples.label == label
        weight[rows] /= weight[rows].mean()
    return weight.astype(np.float32)


def _against(champion: Ensemble, probability: np.ndarray, side: AnySide) -> dict[str, Any]:
    """The stack's probability, last of (N, 5), next to the champion's on the same side."""
    return against_champion(
        stack_probability(champion, side),
        probability[:, -1],
        label=side.examples.label,
        person=side.group,
        weight=side.weight,
    )


def _measure(
    probability: np.ndarray, thresholds: np.ndarray, names: list[str], side: AnySide
) -> dict[str, Any]:
    examples = side.examples
    report = outcome(
        probability,
        thresholds,
        names,
        label=examples.label,
        source=side.source,
        group=side.group,
        own=own_fakes(side),
    )
    if examples.made.any():
        report["forgeries"] = forgeries(examples, probability[:, -1], side.group)
    if isinstance(side, StoredSplitSide) and side.belongs:
        flagged = np.asarray((probability >= thresholds).any(1))
        report["people"] = by_people(side.belongs, side.source, examples.label, flagged)
    return report
