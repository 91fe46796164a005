"""Trains, certifies and writes the auxiliary model *Compression of the face*: `python -m ml compression`."""

from pathlib import Path
from typing import Any

import numpy as np

from detection.auxiliary import AuxiliaryModel, write_auxiliary_model
from detection.auxiliary_files import COMPRESSION
from detection.forensics.compression_cells import CELLS, VALUES
from detection.networks.compression_cells import CompressionCells
from estimation.intervals import clopper_pearson_upper
from ml.evaluation.metrics import auc
from ml.evaluation.metrics import share as share_of
from ml.training.compression import (
    AS_FILE,
    CAMERA,
    WIDTH,
    CompressionRows,
    compression_rows,
    concatenated,
    fit,
    scores,
)
from ml.training.generated_faces import certified_threshold, highest_of_each
from ml.training.preparation import Prepared, prepare

NAME, TITLE = "compression", "Compression of the face"
LIMITS = (
    "It reads traces that an edit leaves in a JPEG that was saved again at its own size. "
    "It says nothing of pictures that were reduced, sent through a messenger or are no JPEG, and little of portraits "
    "of high quality. "
    "Sharpening and other changes of the whole picture raise it, too."
)
SHARE = 0.02  # of applicants with a genuine picture that it sends to people in any of its versions
ROUNDS = 8  # of each kind: from the sets' own files, and from files of any camera


def train_compression_model(
    data: Path, work: Path, out: Path, *, seed: int, limit: int | None = None, rounds: int = ROUNDS
) -> AuxiliaryModel:
    """Makes the rows of all sides, fits, certifies the threshold on validation and measures on test.

    limit: photographs of each set and label, for a smoke run. Raises SourceMissing, and ValueError where too few
    genuine pictures certify a threshold.
    """
    prepared = prepare(data, work, seed=0, limit=limit)
    learned = concatenated(
        [
            compression_rows(prepared, "train", seed=seed + number, camera=bool(number % 2))
            for number in range(2 * rounds)
        ]
    )
    network = fit(learned, seed=seed)
    return exported(
        out,
        network,
        _both(prepared, "validation", seed + 1000),
        _both(prepared, "test", seed + 2000),
        provenance={
            "splits": prepared.frozen,
            "seed": seed,
            "rounds": rounds,
            "pictures": len(learned.label),
        },
    )


def _both(prepared: Prepared, side: str, seed: int) -> CompressionRows:
    return concatenated(
        [compression_rows(prepared, side, seed=seed + camera, camera=bool(camera)) for camera in (0, 1)]
    )


def exported(
    out: Path,
    network: CompressionCells,
    validation: CompressionRows,
    test: CompressionRows,
    *,
    provenance: dict[str, Any],
    share: float = SHARE,
) -> AuxiliaryModel:
    """Writes the model with its threshold, certified on validation, and its figures, measured on test.

    Genuine pictures count as their files came and as saved again. For the certificate each person counts once, with the
    highest score of all versions, because versions of one picture are no independent draws.
    """
    network = network.half().float()  # as it is written
    real = validation.label == 0
    highest = highest_of_each(scores(network, validation)[real], validation.group[real])
    threshold, reached = certified_threshold(highest, share)
    score, own = scores(network, test), (test.made == 1) | (test.label == 0)
    family = np.array([kind.partition("/")[0] for kind in test.kind])
    made, flagged = test.made == 1, score >= threshold
    compared = own & ~test.genuine_files  # a picture and its forged version, both saved again

    def told(rows: np.ndarray) -> dict[str, Any] | None:
        """The share that is flagged, with an interval for people; None where there is no picture of the kind."""
        return share_of(flagged[rows], test.group[rows]).as_dict() if rows.any() else None

    def by(column: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
        return {str(name): told(rows & (column == name)) for name in np.unique(column[rows])}

    metrics: dict[str, Any] = {
        "auc": auc(test.label[compared], score[compared], test.group[compared]).as_dict(),
        "certificate": {
            "genuine": len(highest),
            "reached": reached,
            "share_at_most": round(clopper_pearson_upper(reached, len(highest)), 4),
            "confidence": 0.95,
        },
        "recall": told(made),
        "recall_by_way": by(family, made),
        "recall_by_aftermath": by(test.post, made),
        "recall_by_change": by(test.change, made),
        "false_alarm_of_files": told((test.label == 0) & (test.post == AS_FILE)),
        "false_alarm_of_camera_files": told((test.label == 0) & (test.post == CAMERA)),
        "false_alarm_saved_again": told(test.saved_again),
        "false_alarm_by_change": by(test.change, test.saved_again),
        "false_alarm_by_source": by(test.source, test.label == 0),
    }
    return write_auxiliary_model(
        out,
        network,
        name=NAME,
        title=TITLE,
        limits=LIMITS,
        architecture="compression_cells",
        arguments={"values": VALUES, "width": WIDTH},
        view=COMPRESSION,
        side=CELLS,
        metrics=metrics,
        provenance=provenance,
        review_above=threshold,
    )
