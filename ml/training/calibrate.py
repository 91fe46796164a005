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
from ml.training.bundle_votes import served_logits, stack_probability, with_stack
from ml.training.bundle_writer import PackedInput, Voter, write_bundle
from ml.training.loop import device_of
from ml.training.measured import files_report, side_report
from ml.training.operating_point import (
    PreviousOperatingPoint,
    ThresholdRule,
    operating_thresholds,
    own_fakes,
    threshold_metrics,
)
from ml.training.sides import AnySide
from ml.training.stacking import PULL, fit_stack, mean_of_members
from ml.training.temperatures import calibrated_probabilities, fit_temperature, shrunk_temperature


@dataclass(frozen=True, slots=True)
class SplitSides:
    """The sides that members were not trained on: the stack and the temperatures are fitted on the first, thresholds
    are chosen on the second, the third is only measured. files: genuine pictures of the third side's people as their
    files are; only measured, too."""

    stack: AnySide
    validation: AnySide
    test: AnySide
    files: AnySide | None = None


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
    stack_input: PackedInput | None = None,
) -> ShippedBundle:
    """The bundle of these members; all figures are computed by the packed bundle, as it will be served.

    own_weight: how much more rows of sources with fakes of their own count in the stack's fit; start, pull: of
    `fit_stack`. before: the operating point of the bundle that the members began from; few rows then move temperatures
    little, and as many rows are flagged as before. champion: the bundle that serves, measured on the same test side.
    stack_input: what the stack reads in addition to the members, as it is.
    """
    write = partial(write_bundle, out, voters, version=version, card=card, stack_input=stack_input)
    untrained = start or mean_of_members(stack_input is not None)
    draft = write(untrained, thresholds=[0.5] * 5, temperatures=[1.0] * 5, provenance={}, metrics={})
    served = Ensemble(draft, device_of(voters[0].network))
    stack, temperatures = _fitted(served, sides.stack, start, own_weight, pull, before)

    def votes(side: AnySide) -> np.ndarray:
        return calibrated_probabilities(with_stack(stack, served_logits(served, side)), temperatures)

    on_validation, on_test = votes(sides.validation), votes(sides.test)
    thresholds, was_flagged = operating_thresholds(on_validation, sides.validation, rule, before)
    names = [*(voter.name for voter in voters), "stack"]
    metrics = threshold_metrics(on_validation, thresholds, sides.validation, rule, before, was_flagged) | {
        "validation": side_report(on_validation, thresholds, names, sides.validation),
        "test": side_report(on_test, thresholds, names, sides.test),
    }
    if sides.files is not None:
        metrics["files"] = files_report(votes(sides.files), on_test, thresholds, sides.files, sides.test)
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
