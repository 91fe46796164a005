"""What a bundle does on the sides of the split: figures of its card, and of another bundle on the same pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detection.ensemble import Ensemble, stack_input
from ml.evaluation.at_recall import at_recall
from ml.evaluation.forgeries import forgeries
from ml.evaluation.metrics import share
from ml.evaluation.outcome import outcome
from ml.evaluation.own_files import Files, own_files
from ml.evaluation.people import by_people
from ml.training.bundle_votes import votes_of
from ml.training.measured_against import alarming, measure_against
from ml.training.operating_point import own_fakes
from ml.training.preparation import prepare
from ml.training.sides import AnySide, StoredSplitSide, originals_of
from ml.training.stored_sides import stored_side
from ml.training.traces import traces_of


def measure(
    data: Path,
    bundle: Path,
    *,
    work: Path,
    against: Path | None = None,
    auxiliary: Path | None = None,
    seed: int = 0,
    limit: int | None = None,
) -> dict[str, Any]:
    """A bundle as it is, on the pictures that `calibrate_and_write` measures with the same `work` and seed; "unread" is
    test once more as if no compression could be read.

    against: another bundle (`measure_against`). auxiliary: folder of a model that reads the compression and asks for a
    person, with either bundle. limit: photographs of each source and label, for a smoke run. Raises
    SourceMissing, BundleRefused, AuxiliaryModelRefused, ValueError for pictures of another split and for an auxiliary
    model of another kind.
    """
    served = Ensemble.load(bundle, device="cpu")
    other = Ensemble.load(against, device="cpu") if against else None
    model = alarming(auxiliary) if auxiliary else None
    prepared = prepare(data, work, seed=seed, limit=limit)
    if limit is None:
        for each in (served, other) if other else (served,):
            prepared.require_split_of(each.bundle)
    network = stack_input(served.bundle)
    thresholds, names = np.array(served.thresholds), list(served.member_names)
    sides = {name: stored_side(prepared, prepared.store(name), network) for name in ("validation", "test")}
    sides["files"] = stored_side(prepared, prepared.files("test"), network)
    sides["unread"] = replace(sides["test"], traces=traces_of(None, [None] * len(sides["test"].source)))
    votes = {name: votes_of(served, side) for name, side in sides.items()}
    report: dict[str, Any] = {
        "bundle": served.version,
        "digest": served.bundle.digest,
        "split_sha256": prepared.frozen,
        "seed": seed,
        "smoke": limit is not None,
    }
    report |= {
        name: side_report(votes[name], thresholds, names, sides[name])
        for name in ("validation", "test", "unread")
    }
    report["files"] = files_report(votes["files"], votes["test"], thresholds, sides["files"], sides["test"])
    report["own_files"] = own_files(*(_files_of(votes[name], sides[name]) for name in ("validation", "test")))
    if other:
        report["against"] = measure_against(served, votes, other, prepared, model)
    return report


def _files_of(probability: np.ndarray, side: StoredSplitSide) -> Files:
    """With the stack's score. probability: (N, 5)."""
    examples = side.examples
    return Files(probability[:, -1], examples.label, side.source, side.group, examples.post, examples.made)


def side_report(
    probability: np.ndarray, thresholds: np.ndarray, names: list[str], side: AnySide
) -> dict[str, Any]:
    """Of one side. probability: (N, 5); thresholds: (5,)."""
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


def files_report(
    probability: np.ndarray, on_test: np.ndarray, thresholds: np.ndarray, files: AnySide, test: AnySide
) -> dict[str, Any]:
    """Genuine pictures as their files are: which go to people, and what the stack flags where it finds three quarters
    of the synthesised forgeries, next to genuine pictures that were saved again. probability, on_test: (N, 5)."""
    flagged = np.asarray((probability >= thresholds).any(1))
    made = test.examples.made
    again = originals_of(made)
    report: dict[str, Any] = {
        "false_alarm_by_source": {
            name: share(flagged[files.source == name], files.group[files.source == name]).as_dict()
            for name in sorted(set(files.source))
        }
    }
    if made.any():
        report["at_recall"] = at_recall(
            on_test[made, -1],
            {"files": probability[:, -1], "saved_again": on_test[again, -1]},
            {"files": files.source, "saved_again": test.source[again]},
            {"files": files.group, "saved_again": test.group[again]},
        )
    return report
