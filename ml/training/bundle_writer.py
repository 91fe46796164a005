"""From trained networks to a bundle on disk."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from detection import bundle as bundles
from detection.bundle import Bundle, Member, Stack, View


@dataclass(frozen=True, slots=True)
class Voter:
    """One trained member, ready to be packed."""

    name: str
    architecture: str
    arguments: Mapping[str, Any]
    network: nn.Module
    view: View


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
    )


def save_weights(network: nn.Module, path: Path, *, half: bool) -> None:
    """safetensors of the state; counters stay integers."""
    state = {}
    for name, found in network.state_dict().items():
        tensor = found.cpu()
        kept = tensor.half() if half and tensor.is_floating_point() else tensor
        state[name] = kept.contiguous().clone(memory_format=torch.contiguous_format)
    save_file(state, str(path))
