"""Snapshots of simulated decisions whose truth is known, by reviewers who are right as often as is asked."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from estimation.consensus import consensus

SIDE = 100  # px of a picture; networks of the tests see its middle
PATCH = 16
REVIEWERS = 5
TWICE = 0.2  # share of items that a second person answers
GOLD = 60  # calibration items


def picture(is_fake: bool, known_share: float, rng: np.random.Generator) -> Image.Image:
    """Noise. In the middle of a fake lie faint upright stripes, a kind that the champion knows, with the probability
    `known_share`, else level ones."""
    pixels = rng.normal(128, 28, (SIDE, SIDE))
    low = (SIDE - PATCH) // 2
    strength = 22 * rng.uniform(0.3, 1.7) if is_fake else 5 * rng.normal()
    wave = np.sign(np.sin(np.arange(PATCH) * np.pi / 2 + 0.1))
    upright = rng.random() < known_share
    stripes = np.tile(wave, (PATCH, 1)) if upright else np.tile(wave[:, None], (1, PATCH))
    pixels[low : low + PATCH, low : low + PATCH] += strength * stripes
    return Image.fromarray(np.repeat(pixels.clip(0, 255).astype(np.uint8)[:, :, None], 3, 2))


def reviewed(truth: np.ndarray, accuracy: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(labels, probabilities of fake by consensus), (N,) each. A third person settles where two disagree."""
    answers: list[tuple[int, int, bool]] = []
    labels = np.zeros(len(truth), bool)
    for item, is_fake in enumerate(truth):
        people = rng.permutation(REVIEWERS)
        said = [bool(is_fake == (rng.random() < accuracy)) for _ in range(3)]
        count = 1 if rng.random() >= TWICE else 2 if said[0] == said[1] else 3
        labels[item] = said[count - 1]
        answers += [(item, int(people[n]), said[n]) for n in range(count)]
    known = {len(truth) + n: n % 2 == 0 for n in range(GOLD)}
    answers += [
        (item, item % REVIEWERS, bool(is_fake == (rng.random() < accuracy)))
        for item, is_fake in known.items()
    ]
    found = consensus(answers, known)
    return labels, np.array([found.fake[item] for item in range(len(truth))])


def simulated_snapshot(
    root: Path, decisions: int, accuracy: float, *, known_share: float, seed: int, held_out: float = 0.0
) -> Path:
    """A snapshot of as many real faces as fakes, one of each person, and its manifest. Held-out rows come on top."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    count = round(decisions * (1 + held_out))
    truth = np.arange(count) % 2 == 1
    labels, probability = reviewed(truth, accuracy, rng)
    items = []
    for number, is_fake in enumerate(truth):
        buffer = io.BytesIO()
        picture(bool(is_fake), known_share, rng).save(buffer, "PNG", compress_level=1)
        (root / "images" / f"{number}.png").write_bytes(buffer.getvalue())
        items.append(
            {
                "path": f"images/{number}.png",
                "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
                "label": "fake" if labels[number] else "real",
                "fake_probability": round(float(probability[number]), 4),
                "submission": str(number),
                "applicant": str(number),
                "source": "branch",
                "holdout": number >= decisions,
            }
        )
    (root / "manifest.json").write_text(json.dumps({"format": "kyc-review/snapshot/1", "items": items}))
    return root / "manifest.json"
