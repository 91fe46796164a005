"""A side of the frozen split as a store of pictures, with all that calibration and figures need to know of them."""

import numpy as np
from PIL import Image
from torch import nn

from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import compression_cells
from ml.evaluation.people import traits
from ml.pictures import PictureStore
from ml.training.face_crops import found_faces
from ml.training.preparation import Prepared
from ml.training.sides import StoredSplitSide
from ml.training.traces import traces_of


def stored_side(
    prepared: Prepared, store: PictureStore, stack_input: nn.Module | None = None
) -> StoredSplitSide:
    """A store with the source, the person's group, the face and the traces of each row, and what is known of the
    person. stack_input: as of `traces_of`."""
    places = found_faces(store, prepared.measures.points).places
    return StoredSplitSide(
        store,
        prepared.source_of(store),
        prepared.group_of(store),
        places=places,
        belongs=[traits(prepared.photos[photo]) for photo in store.columns["photo"]],
        traces=np.concatenate(
            [traces_of(stack_input, [_cells(store, row, place)]) for row, place in enumerate(places)]
        ),
    )


def _cells(store: PictureStore, row: int, place: FaceFrame) -> np.ndarray | None:
    grid = store.grid(row)
    return compression_cells(Image.fromarray(store.image(row)), place, grid) if grid else None
