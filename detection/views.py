"""What each member sees of a picture: crops of 8-bit pixels, cut without torch.

Training and serving share these functions, so they cannot diverge.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from detection.bundle import FACE, View
from detection.faces.align import FaceFrame, Square, aligned_crop, face_square


class FaceFrameMissing(ValueError):
    """A view is anchored on the face, and images have no face frame; `positions` are theirs in the batch."""

    def __init__(self, positions: Sequence[int]) -> None:
        self.positions = tuple(positions)
        named = ", ".join(map(str, positions))
        super().__init__(
            f"no face frame for the images at positions {named}: this bundle looks at faces, so find the face first "
            "(detection.faces.examine) and do not score a picture without one"
        )


def crop(image: Image.Image, view: View, frame: FaceFrame | None = None) -> np.ndarray:
    """The part of `image` that `view` shows: (side, side, 3) uint8 RGB.

    The centre is resized bilinearly with the filter's support widened by the scale (Pillow's default), to avoid
    aliasing. Raises FaceFrameMissing when the view needs a frame, ValueError when it belongs to another picture.
    """
    if view.frame == FACE:
        if frame is None:
            raise FaceFrameMissing([0])
        return aligned_crop(image, frame, view.side, extent=view.extent)
    left, top, edge = _centre_square(image.size, view)
    small = image.resize(
        (view.side, view.side), Image.Resampling.BILINEAR, box=(left, top, left + edge, top + edge)
    )
    return np.asarray(small)


def places(size: tuple[int, int], view: View, frame: FaceFrame | None = None) -> np.ndarray:
    """Where the centres of a view's pixels lie in a picture of that width and height: (side, side, 2) x and y in
    pixels, outside of the picture where a view of a face reaches beyond it. Raises as `crop` does."""
    if view.frame == FACE:
        if frame is None:
            raise FaceFrameMissing([0])
        square = face_square(frame.scaled_to(size), view.extent)
    else:
        left, top, edge = _centre_square(size, view)
        square = Square(left + edge / 2, top + edge / 2, edge)
    steps = (np.arange(view.side) + 0.5) / view.side
    grid = np.stack(np.meshgrid(steps, steps), -1)
    return square.to_picture(grid.reshape(-1, 2)).reshape(view.side, view.side, 2)


def _centre_square(size: tuple[int, int], view: View) -> tuple[float, float, float]:
    """Left, top and edge."""
    width, height = size
    edge = min(width, height) * view.extent
    return (width - edge) / 2, (height - edge) / 2, edge


def cuts(
    images: Sequence[Image.Image], views: Sequence[View], frames: Sequence[FaceFrame | None] = ()
) -> dict[View, np.ndarray]:
    """`crop` of every view of RGB images of any size: (B, side, side, 3) uint8 each.

    Views of one scale are cut from the widest of them, which is resized once. frames: one for each image, or none at
    all where no view is anchored on the face. Raises FaceFrameMissing.
    """
    framed: Sequence[FaceFrame | None] = frames or [None] * len(images)
    if any(view.frame == FACE for view in views):
        missing = [position for position, frame in enumerate(framed) if frame is None]
        if missing:
            raise FaceFrameMissing(missing)
    cut: dict[View, np.ndarray] = {}
    for view in sorted(set(views), key=lambda v: -v.side):
        wide = next((v for v in cut if _holds(v, view)), None)
        if wide is None:
            cut[view] = np.stack(
                [crop(image, view, frame) for image, frame in zip(images, framed, strict=True)]
            )
        else:
            edge = (wide.side - view.side) // 2
            cut[view] = cut[wide][:, edge : edge + view.side, edge : edge + view.side]
    return cut


def _holds(wide: View, narrow: View) -> bool:
    """Whether the narrow view is the middle of the wide one, pixel by pixel."""
    even = wide.frame == narrow.frame and (wide.side - narrow.side) % 2 == 0
    return even and math.isclose(wide.side / wide.extent, narrow.side / narrow.extent)
