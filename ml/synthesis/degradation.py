"""Post-processing of real and edited photographs: resizing, JPEG chains, messengers, noise.

Drawn from a generator that the real and the forged version of a photograph share, so that both are degraded
in exactly the same way.
"""

import io

import cv2
import numpy as np
from PIL import Image

KINDS = ("none", "resize", "chain", "messenger", "noise")
SHARES = (0.5, 0.13, 0.13, 0.12, 0.12)
MESSENGER_SIDE = 320  # the photographs here are small; messengers reduce a camera's 4,000 px to about 1,600


def degrade(image: np.ndarray, rng: np.random.Generator, kind: str | None = None) -> tuple[np.ndarray, str]:
    """The image after one of KINDS, drawn with SHARES unless named, at its own size; and the kind.

    image: (H, W, 3) uint8 RGB. Raises ValueError for an unknown kind.
    """
    kind = str(rng.choice(KINDS, p=SHARES)) if kind is None else kind
    if kind not in KINDS:
        raise ValueError(f"unknown aftermath {kind}: choose one of {', '.join(KINDS)}")
    height, width = image.shape[:2]
    if kind == "resize":
        image = _back(_scaled(image, float(rng.uniform(0.6, 0.95))), width, height)
    elif kind == "chain":
        for _ in range(int(rng.integers(2, 4))):
            image = recompress(image, int(rng.integers(60, 95)))
    elif kind == "messenger":
        small = _scaled(image, min(0.9, MESSENGER_SIDE / max(height, width)))
        image = _back(recompress(small, int(rng.integers(60, 81))), width, height)
    elif kind == "noise":
        noise = rng.normal(0, rng.uniform(1.0, 5.0), image.shape)
        image = np.clip(image + noise + 0.5, 0, 255).astype(np.uint8)
    return image, kind


def recompress(image: np.ndarray, quality: int) -> np.ndarray:
    """The image after one JPEG pass at this quality; see `saved`."""
    return np.asarray(Image.open(io.BytesIO(saved(image, quality))))


def saved(image: np.ndarray, quality: int) -> bytes:
    """A JPEG file of the image at this quality, with Pillow's default chroma subsampling (4:2:0)."""
    coded = io.BytesIO()
    Image.fromarray(image).save(coded, "JPEG", quality=quality)
    return coded.getvalue()


def _scaled(image: np.ndarray, factor: float) -> np.ndarray:
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _back(image: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
