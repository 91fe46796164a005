"""Stores of aligned crops around the face, from which members that look at the face are trained.

A crop is cut once, wider than any view, so that training still zooms, shifts and mirrors. Serving and all figures cut
the view from the picture itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from detection.bundle import CENTRE, FACE, View
from detection.faces.align import FaceFrame, face_square, sample
from detection.faces.default import largest_face
from ml.pictures import COLUMNS, MASK_STEP, Picture, PictureStore

CROP = View(288, 0.85, frame=FACE)  # of a selfie of 450 px, 288 px are about what it has
RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263  # points of the face mesh


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """Where the face of each picture of a store is; guessed: in how many it was taken from the photograph that the
    picture was made from, because the detector finds none."""

    places: Sequence[FaceFrame]
    guessed: int


def found_faces(store: PictureStore, points: np.ndarray) -> FoundFaces:
    """The faces as serving finds them, in each stored picture: an edit may move the eyes.

    points: (N, 468, 2) pixels, the mesh of each photograph, which has the size of the pictures made from it. Raises
    ValueError when a photograph without a mesh has a picture without a face.
    """
    places: list[FaceFrame] = []
    guessed = 0
    for row in range(len(store)):
        image = Image.fromarray(store.image(row))
        face = largest_face(image)
        guessed += face is None
        if face is not None:
            places.append(FaceFrame.of(face, image.size))
        else:
            places.append(frame_from_mesh(points[store.columns["photo"][row]], image.size))
    return FoundFaces(places, guessed)


def frame_from_mesh(points: np.ndarray, size: tuple[int, int]) -> FaceFrame:
    """The frame of a face mesh, (468, 2) pixels, in a picture of that width and height. Raises ValueError without a
    mesh."""
    right, left = (tuple(map(float, points[at])) for at in (RIGHT_EYE_OUTER, LEFT_EYE_OUTER))
    return FaceFrame((right[0], right[1]), (left[0], left[1]), *size)


def crops(store: PictureStore, points: np.ndarray) -> Iterator[Picture]:
    """The `CROP` of each picture, with its mask; both of a pair are cut at the same place.

    points: as of `found_faces`; pictures of photographs without a mesh are left out.
    """
    columns = store.columns
    for row in np.flatnonzero(points[columns["photo"]].any((1, 2))).tolist():
        image = store.image(row)
        height, width = image.shape[:2]
        square = face_square(frame_from_mesh(points[columns["photo"][row]], (width, height)), CROP.extent)
        mask = Image.fromarray(store.mask(row)).resize((width, height), Image.Resampling.BILINEAR)
        coloured = Image.merge("RGB", (mask, mask, mask))
        yield Picture(
            image=sample(Image.fromarray(image), square, CROP.side),
            mask=sample(coloured, square, CROP.side, repeat_border=False)[:, :, 0],
            **{name: columns[name][row].item() for name in COLUMNS},
        )


def within_crop(view: View) -> View:
    """The same part of the face, as a part of a stored `CROP`. Raises ValueError for a view that reaches beyond it."""
    if view.frame != FACE or view.extent > CROP.extent or view.side % MASK_STEP:
        raise ValueError(
            f"{view} cannot be cut from crops of {CROP}: it must look at the face, at an extent of at most "
            f"{CROP.extent}, and its side must be a multiple of {MASK_STEP}"
        )
    return replace(view, extent=view.extent / CROP.extent, frame=CENTRE)
