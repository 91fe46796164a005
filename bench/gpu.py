"""`python -m bench gpu`: what a CUDA device gives, as one JSON, in a few minutes.

Votes against the processor's, pictures per second, latency, training steps per second, memory, and two processes on
one card. All five votes are computed, the stack's with the traces that its input reads in each file: how the file is
compressed is read on the processor, the networks run on the card. `python -m bench.gpu` needs torch, timm, safetensors,
numpy and Pillow only; places of faces are given, not searched, so no face detector is needed.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor, nn

from detection.bundle import View
from detection.ensemble import Ensemble
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import CELLS, VALUES, cells_in_one, cells_of_file
from detection.networks.convnext import convnext
from detection.networks.hybrid import HYBRID
from detection.networks.localiser import WithMaskHead
from detection.precision import has_bfloat16
from detection.preprocess import batches

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY / "samples"
BATCH = 256
COMPARED = 32  # pictures whose votes are compared
TRAINING_BATCH = 24
SIDE = 600  # pixels of the pictures
EDITED = (150, 150, 450, 480)  # the part around the face that is smoothed in every second picture
QUALITIES = (70, 90)  # of the two savings of each picture
VOTES_EQUAL = 0.01
TARGETS = {"network_images_per_s": 15_000.0, "latency_ms": 3.0}


class NoCuda(RuntimeError):
    """There is no CUDA device that torch can use; the text says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the JSON to standard output or --out. Status 1 without CUDA, 2 when votes differ."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=REPOSITORY / "detection" / "baseline")
    parser.add_argument("--out", type=Path, help="file for the JSON; standard output without it")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    try:
        require_cuda()
    except NoCuda as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 1
    if chosen.worker:
        print(json.dumps({"images_per_s": _network_rate(Ensemble.load(chosen.bundle), chosen.seconds)}))
        return 0
    report = measure(chosen.bundle, torch.device("cuda"), seconds=chosen.seconds)
    report["two_processes"] = _two_processes(chosen.bundle, chosen.seconds)
    text = json.dumps(report, indent=2, allow_nan=False)
    if chosen.out:
        chosen.out.write_text(text + "\n")
    else:
        print(text)
    return 0 if report["votes"]["equal"] else 2


def require_cuda() -> None:
    """Raises NoCuda."""
    if torch.cuda.is_available():
        return
    built = f"this torch ({torch.__version__}) is built for CUDA {torch.version.cuda}"
    if torch.version.cuda is None:
        built = f"this torch ({torch.__version__}) is built without CUDA: install a build with it"
    raise NoCuda(f"no CUDA device is available, and nothing is measured on a processor instead; {built}")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Files, the decoded pictures, where the face of each is, and how its part of each file is compressed."""

    files: list[bytes]
    images: list[Image.Image]
    frames: list[FaceFrame]
    cells: list[np.ndarray | None]

    def first(self, count: int) -> "Pictures":
        return Pictures(self.files[:count], self.images[:count], self.frames[:count], self.cells[:count])


def measure(bundle: Path, device: torch.device, *, seconds: float, batch: int = BATCH) -> dict[str, Any]:
    """Every figure of one process. Works on any device, so that tests exercise it; `main` demands CUDA."""
    on_device, on_cpu = Ensemble.load(bundle, device=device.type), Ensemble.load(bundle, device="cpu")
    made = pictures(batch)
    few, one = made.first(COMPARED), made.first(1)
    views = [member.view for member in on_cpu.bundle.members]
    inputs, cells = batches(one.images, views, one.frames), torch.from_numpy(cells_in_one(one.cells))
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "precision": str(on_device.dtype),
        "bundle": on_device.version,
        "batch": batch,
        "votes": _votes(on_device, on_cpu, few),
        "network_images_per_s": _network_rate(on_device, seconds, batch),
        "decoded_images_per_s": _rate(
            lambda: on_device.score(made.images, made.frames, made.cells), batch, seconds
        ),
        "files_images_per_s": _files_rate(on_device, made, seconds),
        "compression_ms": 1000 / _rate(lambda: _cells(few), len(few.files), seconds),
        "latency_ms": _latency_ms(on_device, inputs, cells, seconds),
        "picture_latency_ms": 1000
        / _rate(lambda: on_device.score(one.images, one.frames, one.cells), 1, seconds),
        "training": _training(device, seconds, min(batch, TRAINING_BATCH)),
        "memory_mb": torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None,
        "targets": TARGETS,
    }


def pictures(count: int) -> Pictures:
    """Shipped samples at 600 x 600 pixels, saved twice as JPEG; every second one is smoothed around its middle in
    between, so that the stack's input finds traces. The place of the face is given."""
    samples = []
    for file in sorted(SAMPLES.glob("*.jpg")):
        with Image.open(file) as opened:
            samples.append(np.asarray(opened.convert("RGB").resize((SIDE, SIDE))))
    files, images = [], []
    for number in range(count):
        shifted = np.roll(samples[number % len(samples)], 3 * (number // len(samples)), 1)
        data, picture = _saved(Image.fromarray(shifted), QUALITIES[0])
        if number % 2:
            picture.paste(picture.crop(EDITED).filter(ImageFilter.GaussianBlur(1)), EDITED[:2])
        data, picture = _saved(picture, QUALITIES[1])
        files.append(data)
        images.append(picture)
    place = FaceFrame((0.36 * SIDE, 0.42 * SIDE), (0.64 * SIDE, 0.42 * SIDE), SIDE, SIDE)
    made = Pictures(files, images, [place] * count, [])
    return Pictures(files, images, made.frames, _cells(made))


def _saved(picture: Image.Image, quality: int) -> tuple[bytes, Image.Image]:
    coded = io.BytesIO()
    picture.save(coded, "JPEG", quality=quality)
    with Image.open(coded) as opened:
        return coded.getvalue(), opened.convert("RGB")


def _cells(made: Pictures) -> list[np.ndarray | None]:
    return [cells_of_file(*each) for each in zip(made.files, made.images, made.frames, strict=True)]


def _votes(one: Ensemble, other: Ensemble, made: Pictures) -> dict[str, Any]:
    """The largest difference of any probability, how many calls differ, and in how many of the files whose compression
    can be read the stack's input finds traces, if there is such an input."""
    scored = [ensemble.score(made.images, made.frames, made.cells) for ensemble in (one, other)]
    values = [np.array([[vote.probability for vote in votes] for votes in each]) for each in scored]
    calls = [np.array([[vote.is_fake for vote in votes] for votes in each]) for each in scored]
    largest = float(np.abs(values[0] - values[1]).max())
    told: dict[str, Any] = {
        "largest_difference": largest,
        "calls": int(calls[0].size),
        "calls_that_differ": int((calls[0] != calls[1]).sum()),
        "limit": VOTES_EQUAL,
        "equal": largest <= VOTES_EQUAL,
    }
    if one.bundle.stack_input:
        cells = torch.from_numpy(cells_in_one(made.cells))
        told["compression_read"] = sum(each is not None for each in made.cells)
        told["with_traces"] = int((one.stack_input_logits(cells)[:, 1] > 0).sum())
    return told


def _network_rate(ensemble: Ensemble, seconds: float, batch: int = BATCH) -> float:
    """Pictures per second of all networks, from inputs that are cut and on the device to five probabilities."""
    views = {member.view for member in ensemble.bundle.members}
    generator = torch.Generator().manual_seed(0)
    inputs: dict[View, Tensor] = {
        view: torch.randn(batch, 3, view.side, view.side, generator=generator).to(ensemble.device)
        for view in views
    }
    cells = torch.randn(batch, CELLS, VALUES, generator=generator).to(ensemble.device)
    return _rate(lambda: ensemble.probabilities_of_inputs(inputs, cells), batch, seconds)


def _files_rate(ensemble: Ensemble, made: Pictures, seconds: float) -> float | None:
    """Pictures per second from JPEG files, decoding and reading their compression included; None where the decoder's
    packages are missing."""
    try:
        from detection.decoding import decode
    except ImportError:
        return None

    def work() -> None:
        images = [decode(data) for data in made.files]
        ensemble.score(images, made.frames, _cells(Pictures(made.files, images, made.frames, [])))

    return _rate(work, len(made.files), seconds)


def _latency_ms(ensemble: Ensemble, inputs: dict[View, Tensor], cells: Tensor, seconds: float) -> float:
    """Median milliseconds from one picture's inputs and cells in memory to its five probabilities in memory."""
    spent: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(spent) < 5:
        start = time.perf_counter()
        ensemble.probabilities_of_inputs(inputs, cells).cpu()
        spent.append(1000 * (time.perf_counter() - start))
    return median(spent[len(spent) // 5 :])


def _training(device: torch.device, seconds: float, batch: int) -> dict[str, float]:
    """Steps per second of a hybrid member's fine-tuning: forward, backward and AdamW, pictures of 192 pixels."""
    model = WithMaskHead(convnext(HYBRID)).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x = torch.randn(batch, 3, 192, 192, device=device).to(memory_format=torch.channels_last)
    label = torch.arange(batch, device=device) % 2

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            logits, _ = model(x)
        optimiser.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(logits.float(), label).backward()
        optimiser.step()

    return {"batch": batch, "steps_per_s": _rate(step, 1, seconds)}


def _two_processes(bundle: Path, seconds: float) -> dict[str, Any]:
    """What each of two processes on one card makes at the same time, and both together."""
    command = [
        sys.executable,
        "-m",
        "bench.gpu",
        "--worker",
        "--bundle",
        str(bundle),
        "--seconds",
        str(seconds),
    ]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=os.environ)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        return {"error": "a process failed; its message is above"}
    each = [json.loads(text)["images_per_s"] for text in outputs]
    return {"images_per_s": each, "together": sum(each)}


def _rate(work: Callable[[], object], count: int, seconds: float) -> float:
    """Pieces per second after a first call that is not counted."""
    work()
    _wait()
    began, rounds = time.perf_counter(), 0
    while rounds == 0 or time.perf_counter() - began < seconds:
        work()
        rounds += 1
        _wait()
    return rounds * count / (time.perf_counter() - began)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
