"""Load a bundle once, score batches of images with its four members and the stack."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from detection import bundle as bundles
from detection.bundle import Bundle, BundleRefused, Member, View
from detection.faces.align import FaceFrame
from detection.memory import keep_freed
from detection.networks.convnext import convnext
from detection.networks.fusion import quicken
from detection.networks.stacking import Stacking
from detection.precision import network_dtype
from detection.preprocess import FaceFrameMissing, batches
from detection.voting import Vote, shifted

# Fewer do not justify a second lane.
LANE_IMAGES_MIN = 4


class Ensemble:
    """Five voters for serving: members in bfloat16 where the processor has it, the stack in float32."""

    def __init__(self, bundle: Bundle, device: torch.device, shift: float = 0.0) -> None:
        self.bundle, self.shift = bundle, shift
        self.thresholds = [shifted(part.threshold, shift) for part in bundle.parts]
        self.device, self.dtype = device, network_dtype(device)
        self.version, self.digest = bundle.version, bundle.digest
        self.member_names = (*(member.name for member in bundle.members), bundle.stack.name)
        self.input_side = max(member.view.side for member in bundle.members)
        self._lanes: ThreadPoolExecutor | None = None
        self._lane_count = 1
        self._members = [
            quicken(_load(_network(member), bundle.path / member.file))
            .to(device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
            .eval()
            for member in bundle.members
        ]
        self._stack = _load(Stacking(len(bundle.members)), bundle.path / bundle.stack.file).to(device).eval()

    @classmethod
    def load(
        cls, path: Path, *, device: str = "auto", threads: int | None = None, shift: float = 0.0
    ) -> "Ensemble":
        """Verify and load a bundle. `threads`: lanes on the CPU, one per core by default; `shift`: added to every
        threshold on the logit scale.

        Raises BundleRefused.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        ensemble = cls(bundles.read(Path(path)), torch.device(device), shift)
        if ensemble.device.type == "cpu":
            ensemble._open_lanes(threads or len(os.sched_getaffinity(0)))
        return ensemble

    def _open_lanes(self, count: int) -> None:
        keep_freed()
        torch.set_num_threads(1)
        self._lane_count = count
        # Each thread sets its own: OpenMP keeps the number per thread.
        self._lanes = ThreadPoolExecutor(count, "lane", initializer=torch.set_num_threads, initargs=(1,))

    def score(
        self, images: Sequence[Image.Image], frames: Sequence[FaceFrame | None] = ()
    ) -> list[tuple[Vote, ...]]:
        """Five votes for each RGB image, in the order of `member_names`.

        frames: where the face of each image is; needed when the bundle `sees_faces`.

        On the CPU the batch is divided among single-threaded lanes, one per core: for networks this small,
        torch's own threads spend half of their time waiting for each other (measured: 20.7 against 9.9 ms of
        CPU per image). Raises ValueError when a model returns NaN: a broken model must not vote; FaceFrameMissing
        before any vote, with the positions of the images that lack a frame.
        """
        framed = list(frames) or [None] * len(images)
        if len(framed) != len(images):
            raise ValueError(f"{len(framed)} face frames for {len(images)} images: give one for each")
        if self.bundle.sees_faces and None in framed:
            raise FaceFrameMissing([place for place, frame in enumerate(framed) if frame is None])
        if self._lanes is None:
            return self._score(images, framed)
        size = max(LANE_IMAGES_MIN, math.ceil(len(images) / self._lane_count))
        starts = range(0, len(images), size)
        parts = [images[start : start + size] for start in starts]
        frame_parts = [framed[start : start + size] for start in starts]
        return [votes for part in self._lanes.map(self._score, parts, frame_parts) for votes in part]

    @torch.inference_mode()
    def _score(
        self, images: Sequence[Image.Image], frames: Sequence[FaceFrame | None]
    ) -> list[tuple[Vote, ...]]:
        if not images:
            return []
        logits = self.logits(images, frames)
        parts = self.bundle.parts
        columns = [*logits, self._stack(torch.cat(logits, 1))]
        fake = torch.stack(
            [
                (column / part.temperature).softmax(1)[:, 1]
                for part, column in zip(parts, columns, strict=True)
            ],
            1,
        )
        return [
            tuple(
                Vote(part.name, probability, threshold)
                for part, probability, threshold in zip(parts, row, self.thresholds, strict=True)
            )
            for row in fake.cpu().tolist()
        ]

    @torch.inference_mode()
    def logits(self, images: Sequence[Image.Image], frames: Sequence[FaceFrame | None] = ()) -> list[Tensor]:
        """The four members' logits, each (B, 2) float32; members with the same view share its tensor."""
        views = [member.view for member in self.bundle.members]
        return self.logits_of_inputs(batches(images, views, frames))

    @torch.inference_mode()
    def logits_of_inputs(self, inputs: Mapping[View, Tensor]) -> list[Tensor]:
        """As `logits`, from inputs that were cut before: of every member's view, (B, 3, side, side) float32."""
        moved = {
            view: pixels.to(self.device, self.dtype, memory_format=torch.channels_last)
            for view, pixels in inputs.items()
        }
        return [
            network(moved[member.view]).float()
            for member, network in zip(self.bundle.members, self._members, strict=True)
        ]


def members(bundle: Bundle) -> list[nn.Module]:
    """The four members in float32 on the CPU, for gradients, which the fused ones do not provide."""
    return [_load(_network(member), bundle.path / member.file).eval() for member in bundle.members]


def _network(member: Member) -> nn.Module:
    """A network without weights; any error of its constructor rejects the bundle."""
    try:
        return convnext(member.architecture, **member.arguments)
    except (AssertionError, IndexError, KeyError, RuntimeError, TypeError) as error:
        raise BundleRefused(
            f"{member.name}: {member.architecture} refuses its arguments: {error!r}"
        ) from error


def _load(network: nn.Module, file: Path) -> nn.Module:
    """Fill a network; weights may be stored in half precision and are used in float32."""
    try:
        weights = {name: tensor.float() for name, tensor in load_file(file).items()}
        network.load_state_dict(weights)
    except (RuntimeError, SafetensorError) as error:
        raise BundleRefused(f"{file} does not fit its architecture: {error}") from error
    return network
