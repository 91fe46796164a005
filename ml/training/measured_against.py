"""`python -m ml measure --against`: a bundle and another one on the same pictures of test, with intervals of what
differs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detection.auxiliary import AuxiliaryModel, load_auxiliary_model
from detection.auxiliary_files import COMPRESSION
from detection.ensemble import Ensemble, stack_input
from detection.networks.compression_cells import CompressionCells, CompressionLogits
from ml.evaluation.against_champion import against_champion
from ml.evaluation.at_equal_recall import Pictures, at_equal_recall, margins
from ml.evaluation.metrics import missing, share
from ml.evaluation.outcome import compared_rows
from ml.training.bundle_votes import votes_of
from ml.training.operating_point import own_fakes
from ml.training.preparation import Prepared
from ml.training.sides import StoredSplitSide, originals_of
from ml.training.stored_sides import stored_side


def alarming(folder: Path) -> AuxiliaryModel:
    """The auxiliary model of a folder. Raises AuxiliaryModelRefused, and ValueError where it does not read the
    compression or never asks for a person, because a store of pictures has nothing else to ask it about."""
    model = load_auxiliary_model(folder)
    if model.view != COMPRESSION or not isinstance(model.network, CompressionCells):
        raise ValueError(f"{folder}: {model.name} does not read the compression of a file")
    if model.review_above is None:
        raise ValueError(f"{folder}: {model.name} never asks for a person, it has no review_above")
    return model


def measure_against(
    served: Ensemble,
    votes: Mapping[str, np.ndarray],
    other: Ensemble,
    prepared: Prepared,
    auxiliary: AuxiliaryModel | None,
) -> dict[str, Any]:
    """`before` is the other bundle, `after` is `served`.

    votes: of `served`, (N, 5) on "test" and "files". With an auxiliary model, what it asks for goes to people with
    either bundle. Areas under the ROC curve (`champion` is the other bundle) are of the stacks alone, of the same rows
    as in `ml.evaluation.outcome`.
    """
    stores = {"test": prepared.store("test"), "files": prepared.files("test")}
    network = stack_input(other.bundle)
    sides = {name: stored_side(prepared, store, network) for name, store in stores.items()}
    others = {name: votes_of(other, side) for name, side in sides.items()}
    alarm = {
        name: _alarms(auxiliary, stored_side(prepared, store, CompressionLogits(auxiliary.network)))
        if auxiliary and isinstance(auxiliary.network, CompressionCells)
        else None
        for name, store in stores.items()
    }
    pictures = {
        name: Pictures(
            margins(others[name], np.array(other.thresholds), alarm[name]),
            margins(votes[name], np.array(served.thresholds), alarm[name]),
            side.source,
            side.group,
        )
        for name, side in sides.items()
    }
    made, real = sides["test"].examples.made, sides["test"].examples.label == 0
    forged, again = pictures["test"].of(made), pictures["test"].of(originals_of(made))
    genuine = {"files": pictures["files"], "saved_again": again}
    rows = compared_rows(real, sides["test"].source, own_fakes(sides["test"]))
    return {
        "before": other.version,
        "after": served.version,
        "auxiliary": auxiliary.name if auxiliary else None,
        "stack_auc": {
            name: _areas(others["test"], votes["test"], sides["test"], chosen)
            for name, chosen in rows.items()
        },
        "sent_to_people": {"forged": _sent(forged)} | {kind: _sent(each) for kind, each in genuine.items()},
        "at_equal_recall": at_equal_recall(forged, genuine),
    }


def _alarms(model: AuxiliaryModel, side: StoredSplitSide) -> np.ndarray:
    """(N,) bool. side: with the model's own logits as traces, zeros where no compression is read."""
    assert side.traces is not None
    assert model.review_above is not None
    log_odds = side.traces[:, 1] - side.traces[:, 0]
    return np.asarray(log_odds >= np.log(model.review_above / (1 - model.review_above)))


def _areas(before: np.ndarray, after: np.ndarray, side: StoredSplitSide, rows: np.ndarray) -> dict[str, Any]:
    label = side.examples.label[rows]
    if len(set(label)) < 2:
        return missing("pictures of one class only")
    return against_champion(before[rows, -1], after[rows, -1], label=label, person=side.group[rows])


def _sent(pictures: Pictures) -> dict[str, Any]:
    """At the shipped thresholds."""
    return {
        name: share(margin >= 0, pictures.person).as_dict()
        for name, margin in (("before", pictures.before), ("after", pictures.after))
    }
