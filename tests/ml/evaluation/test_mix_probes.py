"""The probes find what gives a class away, and nothing where only the edit differs."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml.evaluation.mix_probes import mix_probes
from ml.pictures import Picture, PictureStore, write_pictures

PEOPLE = 40


def store(folder: Path, seed: int, leak: Callable[[np.ndarray], np.ndarray]) -> PictureStore:
    """Pairs of noise and the same noise with an edited middle; `leak` is what happens to the whole forged picture."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(PEOPLE):
        size = int(rng.integers(90, 130))
        image = cv2.GaussianBlur(
            rng.integers(0, 256, (size, size, 3), dtype=np.uint8), (0, 0), 1 + rng.random()
        )
        forged = image.copy()
        forged[35:55, 35:55] = 255 - forged[35:55, 35:55]
        for label, picture in ((0, image), (1, leak(forged))):
            mask = np.zeros(picture.shape[:2], np.uint8)
            rows.append(Picture(picture, mask, label, bool(label), True, number, "k", "none", 0.5, 50.0))
    return write_pictures(folder, rows)


LEAKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda image: image,
    "sharpness": lambda image: cv2.GaussianBlur(image, (0, 0), 3.0),
    "size": lambda image: cv2.resize(image, (200, 200)),
    "light and colour": lambda image: np.clip(image * 0.5, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_fact_that_gives_the_class_away_is_found(tmp_path: Path, leak: str) -> None:
    train = store(tmp_path / "train", 0, LEAKS[leak])
    validation = store(tmp_path / "validation", 1, LEAKS[leak])
    source = np.array(["a"] * 2 * PEOPLE)
    people = np.repeat([f"person {number}" for number in range(PEOPLE)], 2)
    found = mix_probes(train, validation, (source, source), people)
    assert found["source"]["value"] == 0.5
    if leak:
        assert found[leak]["value"] > 0.95
        assert found["all of them"]["value"] > 0.95
    else:
        assert all(0.4 < row["value"] < 0.6 for row in found.values())
