"""A bundle of the baseline's kind with random weights, for measuring while no trained one is at hand.

Speed does not depend on the weights; the verdicts mean nothing.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

from detection import bundle
from detection.bundle import Member, Stack, View
from detection.networks.convnext import convnext
from detection.networks.stacking import Stacking


def untrained_bundle(folder: Path, *, side: int = 128) -> Path:
    """Four ConvNeXt-atto at `side` pixels and a stack."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    members = []
    for number in range(4):
        save_file(convnext("convnext_atto").state_dict(), folder / f"member-{number}.safetensors")
        view = View(side=side, extent=1.0 if number < 2 else 0.8)
        members.append(
            Member(
                f"member-{number}", "convnext_atto", f"member-{number}.safetensors", "", view, threshold=0.5
            )
        )
    save_file(Stacking().state_dict(), folder / "stack.safetensors")
    bundle.write(
        folder,
        version="untrained",
        created_at="2026-01-01T00:00:00Z",
        members=members,
        stack=Stack("stack.safetensors", "", threshold=0.5),
        provenance={"data": "none: random weights, for measuring speed only"},
        metrics={},
    )
    return folder
