"""A snapshot of decisions as files, and what a training run wrote about its progress."""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image


def snapshot(root: Path, people: int) -> Path:
    """Real applicants are dark and fakes bright, two submissions each."""
    (root / "images").mkdir(parents=True)
    rng, items = np.random.default_rng(0), []
    for number in range(people * 4):
        label = "fake" if number % 2 else "real"
        pixels = rng.integers(0, 100, (64, 64, 3)) + (150 if label == "fake" else 0)
        path = root / "images" / f"{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        items.append(
            {
                "path": f"images/{number}.png",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "label": label,
                "submission": str(number),
                "applicant": f"{label}{number // 4}",
                "source": "branch",
            }
        )
    (root / "manifest.json").write_text(json.dumps({"format": "kyc-review/snapshot/1", "items": items}))
    return root / "manifest.json"


def told(work: Path) -> list[dict]:
    return [json.loads(line) for line in (work / "progress.jsonl").read_text().splitlines()]
