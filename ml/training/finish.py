"""After the members are frozen: fit the stack, set temperatures and thresholds, measure, and write the bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from detection.bundle import Bundle as ShippedBundle
from detection.networks.stacking import Stacking
from estimation.intervals import clopper_pearson_upper
from ml.bank import Bank
from ml.evaluation.forgeries import forgeries
from ml.evaluation.outcome import outcome
from ml.inverse_probability import Weighing
from ml.training.loop import logits_of
from ml.training.pack import Voter, pack
from ml.training.stacking import choose_thresholds, fit_stack, probabilities, temperature


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the split: its rows, and for each row the source's and the person's group's name. `weighing` counts
    in what is fitted, if there is one; what is measured is never weighed."""

    bank: Bank
    source: np.ndarray
    group: np.ndarray
    weighing: Weighing | None = None

    @property
    def weight(self) -> np.ndarray | None:
        """(N,) float32, None where all rows count alike."""
        return self.weighing.weight if self.weighing else None


def voters_logits(voters: Sequence[Voter], bank: Bank) -> np.ndarray:
    """(N, 8) float32 logits, each member through its own view."""
    return np.concatenate([logits_of(v.network, bank, v.view.side) for v in voters], 1)


def finish(
    out: Path,
    voters: Sequence[Voter],
    *,
    stack_side: Side,
    validation: Side,
    test: Side,
    miss: float,
    version: str,
    provenance: Mapping[str, Any],
    card: str,
    start: Stacking | None = None,
) -> ShippedBundle:
    """The bundle of these members.

    The stack and the temperatures are fitted on `stack_side`, which no member saw; thresholds on `validation`,
    so that all five together miss at most the share `miss` of its fakes; `test` is only measured.
    """
    fitted_on = voters_logits(voters, stack_side.bank)
    stack = fit_stack(fitted_on, stack_side.bank.label, start=start, row_weight=stack_side.weight)
    ten = _with_stack(stack, fitted_on)
    warmth = [
        temperature(ten[:, 2 * k : 2 * k + 2], stack_side.bank.label, stack_side.weight) for k in range(5)
    ]
    chosen_on = probabilities(_with_stack(stack, voters_logits(voters, validation.bank)), warmth)
    thresholds = choose_thresholds(chosen_on, validation.bank.label, miss)
    measured = probabilities(_with_stack(stack, voters_logits(voters, test.bank)), warmth)
    names = [*(v.name for v in voters), "stack"]
    metrics = {
        "miss_rate_chosen_for": miss,
        "certificate": certificate(chosen_on, thresholds, validation.bank.label),
        "validation": _measure(chosen_on, thresholds, names, validation),
        "test": _measure(measured, thresholds, names, test),
    }
    return pack(
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


def _with_stack(stack: Stacking, logits: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate([logits, stack(torch.from_numpy(logits)).numpy()], 1)


def _measure(probability: np.ndarray, thresholds: np.ndarray, names: list[str], side: Side) -> dict[str, Any]:
    bank = side.bank
    own = (bank.label == 1) & ~bank.made
    report = outcome(
        probability,
        thresholds,
        names,
        label=bank.label,
        source=side.source,
        group=side.group,
        own=own,
    )
    if bank.made.any():
        report["forgeries"] = forgeries(bank, probability[:, -1], side.group)
    return report


def certificate(probability: np.ndarray, thresholds: np.ndarray, label: np.ndarray) -> dict[str, float | int]:
    """What the fakes that the thresholds were chosen on would certify had they not been: at most this share is cleared,
    with confidence 0.95. `test` is measured without that flaw.

    probability: (N, 5); thresholds: (5,); label: (N,) 1 is fake.
    """
    fakes = probability[label == 1]
    missed = int((fakes < thresholds).all(1).sum())
    return {
        "fakes": len(fakes),
        "missed": missed,
        "miss_rate_at_most": round(clopper_pearson_upper(missed, len(fakes)), 4),
        "confidence": 0.95,
    }
