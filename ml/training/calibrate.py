"""After the members are frozen: fit the stack, set temperatures and thresholds, measure, and write the bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from detection.bundle import Bundle as ShippedBundle
from detection.bundle import View
from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame
from detection.networks.stacking import Stacking
from estimation.intervals import clopper_pearson_upper
from ml.evaluation.against_champion import against_champion
from ml.evaluation.forgeries import forgeries
from ml.evaluation.outcome import outcome
from ml.evaluation.people import by_people
from ml.inverse_probability import InverseProbabilityWeights
from ml.pictures import PictureStore
from ml.training.batches import assemble_batch
from ml.training.bundle_writer import Voter, write_bundle
from ml.training.faces import rows_for_view
from ml.training.loop import device_of
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
from ml.training.windows import served_batch
from ml.training_rows import TrainingRows


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


@dataclass(frozen=True, slots=True)
class SplitSide:
    """One side of the split: its rows, and for each row the source's and the person's group's name. `weights` counts
    in what is fitted, if there is one, and in `against_champion`. soft: (N,) float32, the probability that a row is
    fake, in what is fitted; None where labels are certain."""

    examples: TrainingRows
    source: np.ndarray
    group: np.ndarray
    weights: InverseProbabilityWeights | None = None
    soft: np.ndarray | None = None

    @property
    def weight(self) -> np.ndarray | None:
        """(N,) float32, None where all rows count equally."""
        return self.weights.weight if self.weights else None

    def inputs(self, rows: np.ndarray, view: View) -> Tensor:
        """(B, 3, side, side) float32 of these rows, as serving cuts them."""
        return assemble_batch(rows_for_view(self.examples, view), rows, view.side).images


@dataclass(frozen=True, slots=True)
class StoredColumns:
    """Columns of a store of pictures, named as in `ml.training_rows.TrainingRows`."""

    label: np.ndarray
    made: np.ndarray
    kind: np.ndarray
    strength: np.ndarray
    post: np.ndarray


@dataclass(frozen=True, slots=True)
class StoredSplitSide:
    """One side of the split as a store of whole pictures, from which any view can be cut.

    places: where the face of each picture is, which views of the face need. belongs: `ml.evaluation.people.traits` of
    the person in each picture, none where figures by group are not wanted.
    """

    store: PictureStore
    source: np.ndarray
    group: np.ndarray
    weight: np.ndarray | None = None
    soft: np.ndarray | None = None
    places: Sequence[FaceFrame] = ()
    belongs: Sequence[Mapping[str, str]] = ()

    @property
    def examples(self) -> StoredColumns:
        columns = self.store.columns
        return StoredColumns(**{name: columns[name] for name in StoredColumns.__dataclass_fields__})

    def inputs(self, rows: np.ndarray, view: View) -> Tensor:
        """(B, 3, side, side) float32 of these rows, as serving cuts them."""
        return served_batch(self.store, rows, view, self.places)


def served_logits(served: Ensemble, side: SplitSide | StoredSplitSide, batch: int = 32) -> np.ndarray:
    """(N, 8) float32 logits of a packed bundle's members, in the precision in which they serve."""
    views, found, count = {member.view for member in served.bundle.members}, [], len(side.source)
    for start in range(0, count, batch):
        rows = np.arange(start, min(start + batch, count))
        each = served.logits_of_inputs({view: side.inputs(rows, view) for view in views})
        found.append(torch.cat(each, 1).cpu().numpy())
    return np.concatenate(found)


def calibrate_and_write(
    out: Path,
    voters: Sequence[Voter],
    *,
    stack_side: SplitSide | StoredSplitSide,
    validation: SplitSide | StoredSplitSide,
    test: SplitSide | StoredSplitSide,
    miss: float,
    version: str,
    provenance: Mapping[str, Any],
    card: str,
    start: Stacking | None = None,
    own_weight: float = 1.0,
    pull: float = PULL,
    is_certified: bool = False,
    made_miss: float = 1.0,
    before: PreviousOperatingPoint | None = None,
    champion: Ensemble | None = None,
) -> ShippedBundle:
    """The bundle of these members.

    The stack and the temperatures are fitted on `stack_side`, which no member saw; thresholds on `validation`,
    so that all five together miss at most the share `miss` of its fakes; `test` is only measured. All of it is computed
    by the packed bundle, as it will be served. own_weight: how much more rows of sources with fakes of their own count
    in the stack's fit; pull: of `fit_stack`. is_certified: `miss` is an upper bound at 95 % confidence for the sources'
    own fakes, and members and stack get rates of their own (`choose_jointly`), which also miss at most the share
    `made_miss` of synthesised forgeries. before: the operating point of the
    bundle that the members began from; few rows then move temperatures little, and as many rows are flagged as before.
    champion: the bundle that serves, measured on the same test side.
    """
    draft = write_bundle(
        out,
        voters,
        start or mean_of_members(),
        thresholds=[0.5] * 5,
        temperatures=[1.0] * 5,
        version=version,
        provenance={},
        metrics={},
        card=card,
    )
    served = Ensemble(draft, device_of(voters[0].network))
    fitted_on, label = served_logits(served, stack_side), stack_side.examples.label
    weight = stack_side.weight if own_weight == 1 else own_weights(stack_side, own_weight)
    soft = stack_side.soft
    stack = fit_stack(fitted_on, label, start=start, row_weight=weight, pull=pull, soft=soft)
    ten = _with_stack(stack, fitted_on)
    warmth = [fit_temperature(ten[:, 2 * k : 2 * k + 2], label, weight, soft) for k in range(5)]
    if before is not None:
        pairs = zip(warmth, before.temperatures, strict=True)
        warmth = [shrunk_temperature(fitted, was, len(label)) for fitted, was in pairs]
    chosen_on = calibrated_probabilities(_with_stack(stack, served_logits(served, validation)), warmth)
    counted = _own(validation) if is_certified else validation.examples.label == 1
    if is_certified:
        most = certified_share(int(counted.sum()), miss)
        limits = [MissLimit(counted, most), MissLimit(validation.examples.made, made_miss)]
        thresholds = choose_jointly(
            chosen_on,
            validation.examples.label,
            [limit for limit in limits if limit.rows.any()],
            source=validation.source,
        )
    else:
        thresholds = choose_thresholds(chosen_on, validation.examples.label, miss)
    was_flagged = None
    if before is not None:
        votes_before = votes_of(before.served, validation)
        limits_before = np.array(before.thresholds)
        was_flagged = float((votes_before >= limits_before).any(1).mean())
        matched = matched_thresholds(chosen_on, votes_before, limits_before, validation.weight)
        thresholds = shrunk_thresholds(thresholds, matched, int(counted.sum()), before.fakes)
    measured = calibrated_probabilities(_with_stack(stack, served_logits(served, test)), warmth)
    names = [*(v.name for v in voters), "stack"]
    metrics = {
        "miss_rate_chosen_for": miss,
        "miss_rate_of_synthesised_chosen_for": made_miss if is_certified else None,
        "thresholds_matched": before is not None and int(counted.sum()) < THRESHOLD_FAKES_MIN,
        "flagged_of_validation": {
            "before": was_flagged,
            "now": float((chosen_on >= thresholds).any(1).mean()),
        },
        "certificate": certificate(chosen_on[counted], thresholds),
        "validation": _measure(chosen_on, thresholds, names, validation),
        "test": _measure(measured, thresholds, names, test),
    }
    if champion is not None:
        metrics["against_champion"] = against_champion(
            stack_probability(champion, test),
            measured[:, -1],
            label=test.examples.label,
            person=test.group,
            weight=test.weight,
        )
    return write_bundle(
        out,
        voters,
        stack,
        thresholds=thresholds.tolist(),
        temperatures=warmth,
        version=version,
        provenance=provenance,
        metrics=metrics,
        card=card,
    )


def stack_probability(served: Ensemble, side: SplitSide | StoredSplitSide) -> np.ndarray:
    """(N,) probabilities of fake by a packed bundle's stack, as in production."""
    return votes_of(served, side)[:, -1]


def votes_of(served: Ensemble, side: SplitSide | StoredSplitSide) -> np.ndarray:
    """(N, 5) probabilities of fake by a packed bundle's five votes, as in production."""
    stack = Stacking(len(served.bundle.members))
    stack.load_state_dict(load_file(served.bundle.path / served.bundle.stack.file))
    ten = _with_stack(stack, served_logits(served, side))
    return calibrated_probabilities(ten, [part.temperature for part in served.bundle.parts])


def _own(side: SplitSide | StoredSplitSide) -> np.ndarray:
    """(N,) bool: the fakes that a source brought itself."""
    return np.asarray((side.examples.label == 1) & ~side.examples.made)


def certified_share(fakes: int, bound: float) -> float:
    """The largest share of the fakes that may be missed so that, at 95 % confidence, at most `bound` are.

    Raises ValueError when so few fakes certify nothing as low.
    """
    fitting = [missed for missed in range(fakes) if clopper_pearson_upper(missed, fakes) <= bound]
    if not fitting:
        raise ValueError(f"{fakes} fakes cannot certify a miss rate of {bound:.0%}: more are needed")
    return max(fitting) / fakes


def own_weights(side: SplitSide | StoredSplitSide, factor: float) -> np.ndarray:
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
    probability: np.ndarray, thresholds: np.ndarray, names: list[str], side: SplitSide | StoredSplitSide
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
