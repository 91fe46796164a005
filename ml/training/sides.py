"""The sides of a split, as training, calibration and measurement read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from detection.bundle import View
from detection.faces.align import FaceFrame
from ml.inverse_probability import InverseProbabilityWeights
from ml.pictures import PictureStore
from ml.training.batches import assemble_batch
from ml.training.faces import rows_for_view
from ml.training.windows import served_batch
from ml.training_rows import TrainingRows


@dataclass(frozen=True, slots=True)
class SplitSide:
    """One side of the split: its rows, and for each row the source's and the person's group's name. `weights` counts
    in what is fitted, if there is one, and in `against_champion`. soft: (N,) float32, the probability that a row is
    fake, in what is fitted; None where labels are certain. traces: (N, 2) float32 logits of the bundle's
    `stack_input`, if it has one."""

    examples: TrainingRows
    source: np.ndarray
    group: np.ndarray
    weights: InverseProbabilityWeights | None = None
    soft: np.ndarray | None = None
    traces: np.ndarray | None = None

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
    the person in each picture, none where figures by group are not wanted. traces: as of `SplitSide`.
    """

    store: PictureStore
    source: np.ndarray
    group: np.ndarray
    weight: np.ndarray | None = None
    soft: np.ndarray | None = None
    places: Sequence[FaceFrame] = ()
    belongs: Sequence[Mapping[str, str]] = ()
    traces: np.ndarray | None = None

    @property
    def examples(self) -> StoredColumns:
        columns = self.store.columns
        return StoredColumns(**{name: columns[name] for name in StoredColumns.__dataclass_fields__})

    def inputs(self, rows: np.ndarray, view: View) -> Tensor:
        """(B, 3, side, side) float32 of these rows, as serving cuts them."""
        return served_batch(self.store, rows, view, self.places)


AnySide = SplitSide | StoredSplitSide


def originals_of(made: np.ndarray) -> np.ndarray:
    """(N,) bool: the genuine pictures that were saved again as the forgeries made of them were; each lies before its
    forgery. made: (N,) bool."""
    rows = np.zeros(len(made), bool)
    rows[np.flatnonzero(made) - 1] = True
    return rows
