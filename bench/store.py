"""The data store against system T's HDF5, and its SMOTE at the document's scale: time, size on disk and memory.

Pictures are the repository's sample selfies, each cut, lit and mirrored differently, saved as CelebA's files
are: JPEG, 178 x 218. The document's times are those it states for its machine; ours are for this machine,
decoding included.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.folders import bench_folder
from bench.report import line
from devstack.paths import REPOSITORY

REALS, FAKES, SHARDS, SIDE = 203_680, 960, 80, 125
DOCUMENT_S = 42 * 60 + 25
WIDTH, HEIGHT = 178, 218
GB = 1e9
BATCH = 256


def photographs(folder: Path, count: int) -> list[Path]:
    """`count` different JPEGs."""
    faces = []
    for path in sorted((REPOSITORY / "samples").glob("*.jpg")):
        with Image.open(path) as image:
            faces.append(image.convert("RGB").resize((WIDTH + 40, HEIGHT + 40), Image.Resampling.BICUBIC))
    rng, paths = np.random.default_rng(0), []
    for number in range(count):
        x, y = (int(v) for v in rng.integers(0, 41, 2))
        crop = np.asarray(faces[number % len(faces)].crop((x, y, x + WIDTH, y + HEIGHT)), np.float32)
        picture = crop[:, :: int(rng.choice([-1, 1]))] * rng.uniform(0.7, 1.1) + rng.normal(
            0, 2, (HEIGHT, WIDTH, 1)
        )
        paths.append(folder / f"{number:06}.jpg")
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def alone(work: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Runs `work` in its own process; returns its result and the process's highest memory, `peak_mb`."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))


def _measured(work: Callable[..., dict[str, float]], arguments: tuple[Any, ...]) -> dict[str, float]:
    found = work(*arguments)
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def stored(paths: list[Path], folder: Path, shards: int) -> dict[str, float]:
    """Builds a store and reads a shuffled part of it."""
    from ml.shards import build_store
    from ml.sources import Photo

    fakes = max(shards, len(paths) * FAKES // (REALS + FAKES))
    photos = [Photo(p, p.name, "bench", p.name, "fake" if n < fakes else "real") for n, p in enumerate(paths)]
    began, worked = time.perf_counter(), time.process_time()
    store = build_store(photos, folder, side=SIDE, shards=shards)
    built, worked = time.perf_counter() - began, time.process_time() - worked
    rows = np.random.default_rng(0).permutation(len(store))[:2000]
    began = time.perf_counter()
    store.images(rows)
    read = time.perf_counter() - began
    return {"s": built, "cpu_s": worked, "bytes": store.size_bytes, "read_per_s": len(rows) / read}


def smoted(reals: int, fakes: int) -> dict[str, float]:
    """SMOTE until `fakes` pictures are as many as `reals`, every resampled row made once, in batches."""
    from ml.balancing import SETTINGS, mixture

    pictures = np.random.default_rng(0).integers(0, 256, (fakes, SIDE, SIDE, 3), dtype=np.uint8)
    label = np.array([0] * reals + [1] * fakes)

    def images(rows: np.ndarray) -> np.ndarray:
        return pictures[rows % fakes]  # the size that resampling keeps matters here, not the content

    began = time.perf_counter()
    rows = mixture(label, images, SETTINGS[1])
    planned = time.perf_counter() - began
    for start in range(0, len(rows), BATCH):
        rows.batch(np.arange(start, min(start + BATCH, len(rows))), images)
    return {"s": time.perf_counter() - began, "plan_s": planned, "rows": len(rows)}


def run(count: int, say: Callable[[str], None] = print) -> bool:
    """Prints the figures; whether all targets were reached."""
    document_images, targets = REALS + FAKES, []
    with bench_folder() as folder:
        (folder / "jpeg").mkdir()
        paths = photographs(folder / "jpeg", count)
        say(f"Data store of {count} JPEGs of {WIDTH}x{HEIGHT}, {SIDE} px (the document: {document_images}):")
        found = alone(stored, paths, folder / "store", max(1, SHARDS * count // document_images))
        seconds, float64 = found["s"] * document_images / count, count * (SIDE * SIDE * 3 + 1) * 8
        line("built", f"{count / found['s']:.0f} /s")
        line("  processor time", f"{1000 * found['cpu_s'] / count:.2f} ms a picture")
        targets.append(
            line(
                f"  so {document_images} in",
                f"{seconds:.0f} s",
                reached=seconds <= DOCUMENT_S / 10,
                target=f"<= {DOCUMENT_S / 10:.0f} s, a tenth of the document's",
            )
        )
        share = found["bytes"] / float64
        size = f"{share:.3f} of float64 HDF5"
        targets.append(line("on disk", size, reached=share <= 0.1, target="<= 0.1"))
        targets.append(
            line(
                "highest memory",
                f"{found['peak_mb']:.0f} MB",
                reached=found["peak_mb"] < 1000,
                target="< 1000 MB",
            )
        )
        line("read in any order", f"{found['read_per_s']:.0f} /s on one core")
    say(f"SMOTE of {REALS} + {FAKES} pictures of {SIDE} px:")
    found = alone(smoted, REALS, FAKES)
    line("rows after it", f"{found['rows']:.0f}")
    line("planned, then every row made", f"{found['plan_s']:.1f} s, {found['s']:.0f} s")
    is_small = found["peak_mb"] < 4000
    return all(
        [*targets, line("highest memory", f"{found['peak_mb']:.0f} MB", reached=is_small, target="< 4000 MB")]
    )
