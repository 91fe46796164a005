"""The probes find what gives a class away, and nothing where only the edit differs."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.evaluation.file_facts import file_facts
from ml.evaluation.mix_probes import FileRows, mix_probes

PEOPLE = 40


@dataclass(frozen=True)
class Leak:
    """What happens to the whole of each forged picture, and how its file is saved."""

    change: Callable[[np.ndarray], np.ndarray] = lambda image: image
    options: Mapping[str, Any] = field(default_factory=dict)


def saved(image: np.ndarray, **options: Any) -> bytes:
    coded = io.BytesIO()
    Image.fromarray(image).save(coded, "JPEG", **{"quality": 90} | options)
    return coded.getvalue()


def compressed(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(saved(image, quality=50))).convert("RGB"))


def files(seed: int, leak: Leak) -> FileRows:
    """Pairs of noise and the same noise with an edited middle."""
    rng, facts = np.random.default_rng(seed), []
    for _ in range(PEOPLE):
        size = int(rng.integers(90, 130))
        image = cv2.GaussianBlur(
            rng.integers(0, 256, (size, size, 3), dtype=np.uint8), (0, 0), 1 + rng.random()
        )
        forged = image.copy()
        forged[35:55, 35:55] = 255 - forged[35:55, 35:55]
        facts += [file_facts(saved(image)), file_facts(saved(leak.change(forged), **leak.options))]
    people = np.repeat([f"person {number}" for number in range(PEOPLE)], 2)
    return FileRows(np.stack(facts), np.tile([0, 1], PEOPLE), np.full(2 * PEOPLE, "a"), people)


LEAKS = {
    "sharpness": Leak(lambda image: cv2.GaussianBlur(image, (0, 0), 3.0)),
    "size": Leak(lambda image: cv2.resize(image, (200, 200))),
    "light and colour": Leak(lambda image: np.clip(image * 0.5, 0, 255).astype(np.uint8)),
    "an earlier compression": Leak(compressed),
    "quantisation tables": Leak(options={"quality": 89}),
    "format and chroma subsampling": Leak(options={"subsampling": 0}),
    "metadata": Leak(options={"comment": b"edited"}),
    "bytes a pixel": Leak(options={"comment": bytes(9_000)}),
}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.evaluation.mix_probes.TREES", 20)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_fact_that_gives_the_class_away_is_found(leak: str) -> None:
    found = mix_probes(files(0, LEAKS[leak]), {"validation": files(1, LEAKS[leak])})
    assert found["the set"]["validation"]["value"] == 0.5
    assert found[leak]["validation"]["value"] > 0.95
    assert found["all of them"]["validation"]["value"] > 0.95


def test_an_edit_inside_gives_nothing_away() -> None:
    found = mix_probes(files(0, Leak()), {"validation": files(1, Leak()), "test": files(2, Leak())})
    chance = [row for fact, rows in found.items() for row in rows.values() if "bytes" not in fact]
    assert all(0.35 < row["value"] < 0.65 for row in chance)


def test_facts_of_files_of_other_formats_have_the_same_length() -> None:
    picture = Image.new("RGB", (64, 40), "olive")
    facts = []
    for kind in ("PNG", "WEBP", "JPEG"):
        coded = io.BytesIO()
        picture.save(coded, kind)
        facts.append(file_facts(coded.getvalue()))
    assert {f.shape for f in facts} == {(192,)}
    assert [f[5] for f in facts] == [0, 0, 1]
