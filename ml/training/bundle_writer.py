"""From trained networks to a bundle on disk."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from detection import bundle as bundles
from detection.bundle import Bundle, Member, Stack, StackInput, View
from detection.networks.compression_cells import CompressionCells, CompressionLogits

STACK_INPUT_FILE = "compression.safetensors"


@dataclass(frozen=True, slots=True)
class Voter:
    """One trained member, ready to be packed."""

    name: str
    architecture: str
    arguments: Mapping[str, Any]
    network: nn.Module
    view: View


@dataclass(frozen=True, slots=True)
class PackedInput:
    """What a stack reads in addition to the members (`detection.bundle.StackInput`), ready to be packed."""

    network: CompressionCells
    arguments: Mapping[str, Any]

    @property
    def for_stack(self) -> nn.Module:
        """From cells of the compression to what the stack reads."""
        return CompressionLogits(self.network).eval()

    @classmethod
    def of(cls, path: Path, part: StackInput | None) -> "PackedInput | None":
        """That of a bundle in the folder `path`, with the weights that it has."""
        if part is None:
            return None
        network = CompressionCells(**part.arguments)
        network.load_state_dict({name: value.float() for name, value in load_file(path / part.file).items()})
        return cls(network.eval(), part.arguments)


def write_bundle(
    out: Path,
    voters: Sequence[Voter],
    stack: nn.Module,
    *,
    thresholds: Sequence[float],
    temperatures: Sequence[float],
    version: str,
    provenance: Mapping[str, Any],
    metrics: Mapping[str, Any],
    card: str,
    stack_input: PackedInput | None = None,
) -> Bundle:
    """Writes weights in half precision, the model card and the manifest; returns the bundle as read back.

    thresholds, temperatures: five each, the stack's last. Raises BundleRefused when what was written cannot be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    members = []
    for voter, threshold, warmth in zip(voters, thresholds[:-1], temperatures[:-1], strict=True):
        save_weights(voter.network, out / f"{voter.name}.safetensors", half=True)
        members.append(
            Member(
                name=voter.name,
                architecture=voter.architecture,
                file=f"{voter.name}.safetensors",
                sha256="",
                view=voter.view,
                threshold=float(threshold),
                temperature=float(warmth),
                arguments=dict(voter.arguments),
            )
        )
    if stack_input:
        save_weights(stack_input.network, out / STACK_INPUT_FILE, half=True)
    save_weights(stack, out / "stack.safetensors", half=False)
    (out / bundles.MODEL_CARD).write_text(card)
    return bundles.write(
        out,
        version=version,
        created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        members=members,
        stack=Stack("stack.safetensors", "", float(thresholds[-1]), float(temperatures[-1])),
        provenance=provenance,
        metrics=metrics,
        stack_input=StackInput(STACK_INPUT_FILE, "", dict(stack_input.arguments)) if stack_input else None,
    )


def save_weights(network: nn.Module, path: Path, *, half: bool) -> None:
    """safetensors of the state; counters stay integers."""
    state = {}
    for name, found in network.state_dict().items():
        tensor = found.cpu()
        kept = tensor.half() if half and tensor.is_floating_point() else tensor
        state[name] = kept.contiguous().clone(memory_format=torch.contiguous_format)
    save_file(state, str(path))
