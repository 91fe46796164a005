"""Real bundles in the shipped format and code, with networks of a few thousand weights or of a few hundred."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from detection import bundle
from detection.bundle import Bundle, Member, Stack, StackInput, View
from detection.forensics.compression_cells import VALUES
from detection.networks.compression_cells import CompressionCells
from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking
from ml.training.bundle_writer import Voter, write_bundle

CELLS_ARGUMENTS: dict[str, Any] = {"values": VALUES, "width": 8}
ARGUMENTS: dict[str, Any] = {"depths": [1, 1, 1, 1], "dims": [8, 16, 24, 32]}


def tiny_bundle(
    path: Path,
    *,
    seed: int = 0,
    version: str = "tiny-1",
    threshold: float = 0.5,
    frame: str = "centre",
    compression: bool = False,
    traces: float = 1.0,
) -> Bundle:
    """`frame`: of the last two members' views; the first two look at the centre. compression: the stack reads it, and
    finds about `traces` of log-odds for *fake* in every file."""
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    members = []
    for number in range(4):
        network = convnext("convnext_atto", **ARGUMENTS)
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.5)
        save_file(network.state_dict(), path / f"member-{number}.safetensors")
        members.append(
            Member(
                name=f"member-{number}",
                architecture="convnext_atto",
                arguments=ARGUMENTS,
                file=f"member-{number}.safetensors",
                sha256="",
                view=View(
                    side=32 if number < 3 else 48,
                    extent=1.0 if number < 2 else 0.8,
                    frame="centre" if number < 2 else frame,
                ),
                threshold=threshold,
            )
        )
    save_file(Stacking(4 + compression).state_dict(), path / "stack.safetensors")
    if compression:
        network = CompressionCells(**CELLS_ARGUMENTS)
        last = list(network.judge.parameters())[-1]
        torch.nn.init.constant_(last[:1], -traces)
        save_file(network.state_dict(), path / "compression.safetensors")
    return bundle.write(
        path,
        version=version,
        created_at="2026-01-01T00:00:00Z",
        members=members,
        stack=Stack(file="stack.safetensors", sha256="", threshold=threshold),
        provenance={"data": "none: random weights for tests"},
        metrics={},
        stack_input=StackInput("compression.safetensors", "", CELLS_ARGUMENTS) if compression else None,
    )


TINY = {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8), "norm_layer": "batchnorm2d"}


ARCHITECTURE = "convnext_zepto_rms_ols"


def small_bundle(out: Path, provenance: Mapping[str, Any] | None = None, *, version: str = "small") -> Path:
    """What `ml` packs and can fine-tune, with networks of a few hundred weights."""
    names = ("north", "east", "south", "west")
    voters = [
        Voter(name, ARCHITECTURE, TINY, convnext(ARCHITECTURE, **TINY), View(32, 0.16)) for name in names
    ]
    write_bundle(
        out,
        voters,
        Stacking(),
        thresholds=[0.5] * 5,
        temperatures=[1.0] * 5,
        version=version,
        provenance=provenance or {},
        metrics={},
        card=f"# {version}\n",
    )
    return out
