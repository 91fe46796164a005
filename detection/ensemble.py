"""Load a bundle once, score batches of images with its four members and the stack."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from detection import bundle as bundles
from detection.bundle import Bundle, BundleRefused, Member, View
from detection.faces.align import FaceFrame
from detection.forensics.compression_cells import VALUES, cells_in_one
from detection.networks.compression_cells import CompressionCells, CompressionLogits
from detection.networks.convnext import convnext
from detection.networks.fusion import quicken
from detection.networks.stacking import Stacking
from detection.precision import network_dtype
from detection.preprocess import batches
from detection.voters import Voters


class Ensemble(Voters):
    """Torch's engine: members in bfloat16 where the processor has it, the stack and its input in float32."""

    engine = "torch"

    def __init__(self, bundle: Bundle, device: torch.device, shift: float = 0.0) -> None:
        super().__init__(bundle, shift)
        self.device, self.dtype = device, network_dtype(device)
        self._members = [
            quicken(_load(_network(member), bundle.path / member.file))
            .to(device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
            .eval()
            for member in bundle.members
        ]
        self._stack = stack(bundle).to(device)
        found = stack_input(bundle)
        self._stack_input = found.to(device) if found else None

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
            torch.set_num_threads(1)
            # Each thread sets its own: OpenMP keeps the number per thread.
            ensemble.open_lanes(threads, partial(torch.set_num_threads, 1))
        return ensemble

    @torch.inference_mode()
    def _probabilities(
        self,
        images: Sequence[Image.Image],
        frames: Sequence[FaceFrame | None],
        cells: Sequence[np.ndarray | None],
    ) -> list[list[float]]:
        views = [member.view for member in self.bundle.members]
        read = torch.from_numpy(cells_in_one(cells)) if self._stack_input else None
        fake = self.probabilities_of_inputs(batches(images, views, frames), read)
        found: list[list[float]] = fake.cpu().tolist()
        return found

    @torch.inference_mode()
    def probabilities_of_inputs(self, inputs: Mapping[View, Tensor], cells: Tensor | None = None) -> Tensor:
        """(B, 5) float32 of *fake*, on the device. inputs: as of `logits_of_inputs`; cells: as of `stack_input_logits`,
        needed when the bundle has a `stack_input`.

        Raises ValueError without them.
        """
        logits = self.logits_of_inputs(inputs)
        seen = list(logits)
        if self._stack_input:
            if cells is None:
                raise ValueError(f"the stack of {self.version} reads how files are compressed: give cells")
            seen.append(self.stack_input_logits(cells))
        columns = [*logits, self._stack(torch.cat(seen, 1))]
        return torch.stack(
            [
                (column / part.temperature).softmax(1)[:, 1]
                for part, column in zip(self.bundle.parts, columns, strict=True)
            ],
            1,
        )

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

    @torch.inference_mode()
    def stack_input_logits(self, cells: Tensor) -> Tensor:
        """(B, 2) float32 logits of the bundle's `stack_input`. cells: (B, CELLS, VALUES) of `cells_in_one`.

        Raises ValueError for a bundle without one.
        """
        if self._stack_input is None:
            raise ValueError(f"the stack of {self.version} reads the members alone")
        logits: Tensor = self._stack_input(cells.to(self.device, torch.float32))
        return logits


def members(bundle: Bundle) -> list[nn.Module]:
    """The four members in float32 on the CPU, for gradients, which the fused ones do not provide."""
    return [_load(_network(member), bundle.path / member.file).eval() for member in bundle.members]


def stack(bundle: Bundle) -> nn.Module:
    """The fifth voter, in float32 on the CPU."""
    networks = len(bundle.members) + (bundle.stack_input is not None)
    return _load(Stacking(networks), bundle.path / bundle.stack.file).eval()


def stack_input(bundle: Bundle) -> CompressionLogits | None:
    """What gives the stack logits in addition to the members', in float32 on the CPU; None where nothing does."""
    part = bundle.stack_input
    if part is None:
        return None
    try:
        network = CompressionCells(**part.arguments)
    except (RuntimeError, TypeError, ValueError) as error:
        raise BundleRefused(f"{part.name}: {part.architecture} refuses its arguments: {error!r}") from error
    _load(network, bundle.path / part.file)
    if network.mean.numel() != 3 * VALUES:
        raise BundleRefused(
            f"{part.name} reads {network.mean.numel() // 3} values, this release makes {VALUES}"
        )
    return CompressionLogits(network).eval()


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
