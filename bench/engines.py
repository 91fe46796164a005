"""Time engines against each other, in turns: `python -m bench.engines [BUNDLE]` prints processor time per picture.

One lane each. On a processor without AVX-512 the figures are others; torch can be held to AVX2 with
ATEN_CPU_CAPABILITY=avx2 DNNL_MAX_CPU_ISA=AVX2 DETECTION_FORCE_FLOAT32=1, and ONNX Runtime has no such switch.
"""

import os
import sys
import time
from pathlib import Path
from statistics import median

import torch

from bench.folders import bench_folder
from bench.images import face_frames, jpegs
from detection import bundle as bundles
from detection.decoding import decode
from detection.ensemble import Ensemble
from detection.exported import files, write
from detection.exported.runtime import Runtime
from detection.exported.voters import ExportedVoters
from detection.forensics.compression_cells import cells_of_file
from detection.precision import FORCE_FLOAT32, has_bfloat16
from detection.voters import Voters

BATCHES = (1, 7, 16)
TURNS = 9
KEY = "bench"


def engines(path: Path) -> dict[str, Voters]:
    found: dict[str, Voters] = {}
    if has_bfloat16(torch.device("cpu")):
        found["torch, bfloat16"] = Ensemble.load(path, device="cpu", threads=1)
    os.environ[FORCE_FLOAT32] = "1"
    found["torch, float32"] = Ensemble.load(path, device="cpu", threads=1)
    with bench_folder() as folder:
        write.export_bundle(path, KEY, folder)
        runtime = Runtime(*files.read(folder, KEY))
    found["ONNX Runtime"] = ExportedVoters(bundles.read(path), runtime, threads=1)
    return found


def main(path: Path) -> None:
    compared = engines(path)
    posted = jpegs(count=max(BATCHES))
    images = [decode(data) for data in posted]
    frames = face_frames(images, bundles.read(path))
    cells = [cells_of_file(*each) for each in zip(posted, images, frames, strict=True)]
    reference = compared["torch, float32"]
    for size in BATCHES:
        spent: dict[str, list[float]] = {name: [] for name in compared}
        for _ in range(TURNS):
            for name, voters in compared.items():
                began = time.process_time()
                voters.score(images[:size], frames[:size], cells[:size])
                spent[name].append((time.process_time() - began) * 1000 / size)
        wanted = reference.score(images[:size], frames[:size], cells[:size])
        for name, voters in compared.items():
            differs = max(
                abs(a.probability - b.probability)
                for one, other in zip(
                    voters.score(images[:size], frames[:size], cells[:size]), wanted, strict=True
                )
                for a, b in zip(one, other, strict=True)
            )
            ratio = median(a / b for a, b in zip(spent[name], spent["torch, float32"], strict=True))
            print(
                f"batch {size:>2}  {name:<16} {median(spent[name]):6.1f} ms/picture, {ratio:.2f} of torch in float32, "
                f"votes differ by {differs:.5f}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "detection/baseline"))
