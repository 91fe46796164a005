"""A small auxiliary model on disk."""

from pathlib import Path
from typing import Any

import torch

from detection.auxiliary import write_auxiliary_model
from detection.networks.unet import UNet

MEASURED = {"auc": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 40}}


def written(path: Path, **changes: Any) -> Any:
    torch.manual_seed(0)
    known: dict[str, Any] = {
        "name": "u",
        "title": "Where",
        "limits": "Little",
        "architecture": "unet",
        "arguments": {"width": 4},
        "view": "ela_smooth",
        "side": 32,
        "metrics": MEASURED,
        "provenance": {"recipe": "U"},
    }
    return write_auxiliary_model(path, changes.pop("network", None) or UNet(width=4), **(known | changes))
