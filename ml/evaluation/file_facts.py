"""What a file says of itself without a look at the face: header, compression, and the border of the picture."""

import io
from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image

from detection.decoding import jpeg_grid
from detection.forensics.compression_cells import FREQUENCIES, LEVELS, levels_of

ENTRIES = 16  # of each quantisation table, in the order of the file
BORDER = 0.08  # of the short side
HEADER = 42  # facts of `header_facts`
EARLIER = len(FREQUENCIES) * LEVELS
# Columns of `file_facts` by what they say.
FACTS: Mapping[str, slice] = {
    "size": slice(0, 2),
    "bytes a pixel": slice(2, 3),
    "metadata": slice(3, 5),
    "format and chroma subsampling": slice(5, 10),
    "quantisation tables": slice(10, HEADER),
    "the whole header": slice(0, HEADER),
    "sharpness": slice(HEADER, HEADER + 2),
    "light and colour": slice(HEADER + 2, HEADER + 5),
    "an earlier compression": slice(HEADER + 5, HEADER + 6 + EARLIER),
}


def header_facts(data: bytes) -> np.ndarray:
    """(42,) float64 of one file's header: width, height, bytes a pixel, whether it has EXIF, bytes of metadata, format,
    progressive, chroma sampling, JPEG tables. Decodes no pixel."""
    with Image.open(io.BytesIO(data)) as image:
        tables = getattr(image, "quantization", None) or {}
        luma, chroma = ([*tables.get(number, []), *[0] * ENTRIES][:ENTRIES] for number in (0, 1))
        layers = getattr(image, "layer", None) or []
        sampling = [layer[1] * 10 + layer[2] for layer in layers[:3]]
        segments = getattr(image, "applist", None) or []
        facts = [
            image.width,
            image.height,
            len(data) / (image.width * image.height),
            float("exif" in image.info),
            sum(len(content) for _, content in segments),
            float(image.format == "JPEG"),
            float("progressive" in image.info),
        ]
    return np.array([*facts, *[*sampling, 0, 0, 0][:3], *luma, *chroma], dtype=np.float64)


def file_facts(data: bytes) -> np.ndarray:
    """(192,) float64: `header_facts`; of the picture's border, which an edit reaches in close pictures only, fine and
    coarse sharpness, mean colour, blockiness, and the shares of each level of small DCT coefficients, which show an
    earlier compression of the whole picture (all equal where the file is no JPEG)."""
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    grey = np.asarray(picture.convert("L"))
    blocks = _border_blocks(grey)
    seen = border_facts(picture)
    return np.concatenate([header_facts(data), seen, _level_shares(data, grey, blocks)])


def border_facts(picture: Image.Image) -> np.ndarray:
    """(6,) float64 of the border of an RGB picture: fine and coarse sharpness, mean colour, blockiness."""
    image, grey = np.asarray(picture), np.asarray(picture.convert("L"))
    blocks = _border_blocks(grey)
    border = np.ones(grey.shape, bool)
    border[8 * blocks : -8 * blocks, 8 * blocks : -8 * blocks] = False
    smooth = grey.astype(np.float32)
    fine = np.abs(cv2.Laplacian(smooth, cv2.CV_32F))[border]
    coarse = np.abs(smooth - cv2.GaussianBlur(smooth, (0, 0), 2.0))[border]
    steps = np.abs(np.diff(smooth, axis=1))
    at_edge, inside = np.arange(grey.shape[1] - 1) % 8 == 7, border[:, 1:]
    blockiness = steps[:, at_edge][inside[:, at_edge]].mean() - steps[:, ~at_edge][inside[:, ~at_edge]].mean()
    return np.array([fine.mean(), coarse.mean(), *image[border].mean(0), blockiness], np.float64)


def _border_blocks(grey: np.ndarray) -> int:
    """Of 8 px, by which the border reaches into the picture."""
    return max(1, round(BORDER * min(grey.shape) / 8))


def _level_shares(data: bytes, grey: np.ndarray, border: int) -> np.ndarray:
    """(EARLIER,) of the outermost `border` rows and columns of blocks. grey: (H, W) uint8."""
    found = jpeg_grid(data)
    if found is None:
        return np.full(EARLIER, 1 / LEVELS)
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    tiles = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    outer = np.ones((rows, columns), bool)
    outer[border:-border, border:-border] = False
    level = levels_of(tiles[outer], np.array(found[0]).reshape(8, 8))
    shares = [np.bincount(column, minlength=LEVELS) / len(level) for column in level.T]
    return np.concatenate(shares)
