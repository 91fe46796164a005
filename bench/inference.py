"""Time scoring alone: `python -m bench.inference [BUNDLE]` prints ms per image for each batch size.

Also compares the serving path (bfloat16, fused norms, lanes) with the same weights in plain float32.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from bench.images import face_frames, jpegs
from detection.decoding import decode
from detection.ensemble import Ensemble, stack, stack_input
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import cells_in_one, cells_of_file
from detection.networks.convnext import convnext
from detection.preprocess import batch

BATCHES = (1, 2, 4, 8, 16, 32)
ROUNDS = 5


def _ms_per_image(work: Callable[[], object], images: int) -> float:
    """The fastest of some rounds after a warm-up round, which is the least disturbed one on a shared machine."""
    work()
    spent = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent) * 1000 / images


@torch.inference_mode()
def _float32(
    ensemble: Ensemble,
    images: Sequence[Image.Image],
    frames: Sequence[FaceFrame | None],
    cells: Sequence[np.ndarray | None],
) -> Tensor:
    """Probabilities (B, 5) of the bundle's weights without autocast, exchanged norms or lanes."""
    bundle = ensemble.bundle
    logits = []
    for member in bundle.members:
        network = convnext(member.architecture, **member.arguments).eval()
        network.load_state_dict({k: v.float() for k, v in load_file(bundle.path / member.file).items()})
        logits.append(network(batch(images, member.view, frames)))
    read = list(logits)
    if found := stack_input(bundle):
        read.append(found(torch.from_numpy(cells_in_one(cells))))
    logits.append(stack(bundle)(torch.cat(read, 1)))
    rows = zip(logits, bundle.parts, strict=True)
    return torch.stack([(x / part.temperature).softmax(1)[:, 1] for x, part in rows], 1)


def main(path: Path) -> None:
    start = time.perf_counter()
    ensemble = Ensemble.load(path, device="cpu")
    print(f"{ensemble.version}: loaded in {time.perf_counter() - start:.2f} s")
    posted = jpegs(count=max(BATCHES))
    images = [decode(image, max_side=ensemble.input_side) for image in posted]
    each = _ms_per_image(
        lambda: [decode(image, max_side=ensemble.input_side) for image in posted], len(posted)
    )
    print(f"decode            {each:6.2f} ms/image")
    view = ensemble.bundle.members[0].view
    frames = face_frames(images, ensemble.bundle)
    cells = [cells_of_file(*each) for each in zip(posted, images, frames, strict=True)]
    each = _ms_per_image(lambda: batch(images, view, frames), len(images))
    print(f"preprocess, a view {each:5.2f} ms/image")
    for size in BATCHES:
        scored = partial(ensemble.score, images[:size], frames[:size], cells[:size])
        print(f"score, batch {size:>3}  {_ms_per_image(scored, size):6.2f} ms/image")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory       {memory:6.0f} MB")
    served = ensemble.score(images, frames, cells)
    probability = torch.tensor([[vote.probability for vote in votes] for votes in served])
    exact = _float32(ensemble, images, frames, cells)
    threshold = torch.tensor([part.threshold for part in ensemble.bundle.parts])
    changed = ((probability >= threshold) != (exact >= threshold)).sum().item()
    print(f"against float32   {(probability - exact).abs().max():.4f} largest deviation, ", end="")
    print(f"{changed} of {probability.numel()} calls changed")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "detection/baseline"))
