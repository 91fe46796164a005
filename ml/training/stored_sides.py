"""A side of the frozen split as a store of pictures, with all that calibration and figures need to know of them."""

import numpy as np
from PIL import Image

from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import cells_in_one, compression_cells
from ml.evaluation.people import traits
from ml.pictures import PictureStore
from ml.training.face_crops import found_faces
from ml.training.preparation import Prepared
from ml.training.sides import StoredSplitSide


def stored_side(prepared: Prepared, store: PictureStore) -> StoredSplitSide:
    """A store with the source, the person's group, the face and the compression of each row, and what is known of the
    person."""
    places = found_faces(store, prepared.measures.points).places
    return StoredSplitSide(
        store,
        prepared.source_of(store),
        prepared.group_of(store),
        places=places,
        belongs=[traits(prepared.photos[photo]) for photo in store.columns["photo"]],
        cells=cells_in_one([_cells(store, row, place) for row, place in enumerate(places)]).astype(
            np.float16
        ),
    )


def _cells(store: PictureStore, row: int, place: FaceFrame) -> np.ndarray | None:
    grid = store.grid(row)
    return compression_cells(Image.fromarray(store.image(row)), place, grid) if grid else None
