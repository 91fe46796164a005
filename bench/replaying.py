"""`python -m bench replay`: throughput of a comparison of two bundles, against the bare ensemble, in turns."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from bench.compare import BenchError
from bench.folders import bench_folder
from bench.images import face_frames
from bench.report import line
from detection.decoding import decode
from detection.decoding.limits import DECODE_MAX_SIDE
from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import cells_of_file
from devstack.paths import REPOSITORY
from ml.batch_scoring import BATCH, score_pictures

TARGET = 0.9
TURNS = 5
HELD_OUT = 4

Read = tuple[list[Image.Image], list[FaceFrame | None], list[np.ndarray | None]]


def run(bundle: Path, images: list[bytes], *, submissions: int) -> bool:
    """Whether replaying is at least TARGET as fast as decoding and scoring the same files in a plain loop.

    Speed is counted in votes: an image that champion and candidate score counts twice.
    """
    with bench_folder() as folder:
        paths = _files(folder, images, submissions)
        both = {role: Ensemble.load(bundle, device="cpu") for role in ("champion", "candidate")}
        turns = _turns(both, paths)
        took_s = _command(folder, bundle, paths)
    print(
        f"{submissions} JPEGs of 600x600, champion and candidate of one kind, median of {TURNS} turns (scorings/s):"
    )
    plain, alone, replay = (median(turn[way] for turn in turns) for way in ("plain", "alone", "replay"))
    line("plain loop: decode a batch, score it", f"{plain:.1f} /s")
    line("ensemble alone, on decoded images", f"{alone:.1f} /s")
    line("replay: both bundles over the same files", f"{replay:.1f} /s")
    ratios = [turn["replay"] / turn["plain"] for turn in turns]
    is_reached = line(
        "  ratio replay / plain loop",
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        reached=median(ratios) >= TARGET,
        target=f">= {TARGET}",
    )
    to_ensemble = [turn["replay"] / turn["alone"] for turn in turns]
    line(
        "  ratio replay / ensemble alone",
        f"{median(to_ensemble):.2f} ({min(to_ensemble):.2f} to {max(to_ensemble):.2f})",
    )
    line("the whole command, from its start to the report", f"{took_s:.1f} s")
    line("  that is", f"{2 * submissions / took_s:.1f} /s")
    return is_reached


def _files(folder: Path, images: list[bytes], count: int) -> list[Path]:
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(images[number % len(images)])
    return paths


def _turns(both: dict[str, Ensemble], paths: list[Path]) -> list[dict[str, float]]:
    """Scorings per second of each way in each turn; the first turn, which warms up, does not count."""
    champion = both["champion"]

    def read(some: Sequence[Path]) -> Read:
        files = [path.read_bytes() for path in some]
        images = [decode(data, max_side=DECODE_MAX_SIDE) for data in files]
        frames = face_frames(images, champion.bundle)
        return images, frames, [cells_of_file(*each) for each in zip(files, images, frames, strict=True)]

    decoded = read(paths[:BATCH])

    def plain() -> int:
        for start in range(0, len(paths), BATCH):
            champion.score(*read(paths[start : start + BATCH]))
        return len(paths)

    def alone() -> int:
        for _ in range(0, len(paths), BATCH):
            champion.score(*decoded)
        return BATCH * len(range(0, len(paths), BATCH))

    def replay() -> int:
        score_pictures(both, paths)
        return 2 * len(paths)

    ways: dict[str, Callable[[], int]] = {"plain": plain, "alone": alone, "replay": replay}
    return [{name: _rate(way) for name, way in ways.items()} for _ in range(TURNS + 1)][1:]


def _rate(way: Callable[[], int]) -> float:
    began = time.perf_counter()
    return way() / (time.perf_counter() - began)


def _command(folder: Path, bundle: Path, paths: list[Path]) -> float:
    """Seconds of `python -m ml compare` as the training worker starts it."""
    items = [
        {
            "path": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "label": "fake" if number % 2 else "real",
            "holdout": True,
            "submission": f"held-{number}",
            "applicant": f"applicant-{number}",
            "source": "bench",
        }
        for number, path in enumerate(paths[:HELD_OUT])
    ]
    (folder / "manifest.json").write_text(json.dumps({"format": "kyc-review/snapshot/1", "items": items}))
    (folder / "replay.txt").write_text("".join(f"{path.stem} {path}\n" for path in paths[HELD_OUT:]))
    command = [sys.executable, "-m", "ml", "compare", "--manifest", str(folder), "--champion", str(bundle)]
    command += ["--candidate", str(bundle), "--replay", str(folder / "replay.txt")]
    command += ["--out", str(folder / "report.json"), "--work", str(folder)]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)  # our own command
    if done.returncode:
        raise BenchError(f"ml compare failed: {done.stderr.strip().splitlines()[-1]}")
    return time.perf_counter() - began
