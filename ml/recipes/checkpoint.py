"""The checkpoint of a run: one safetensors file that is replaced atomically, so a kill leaves the last good one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ml.whole_files import write_whole

FORMAT = "kyc-review/checkpoint/1"


@dataclass(slots=True)
class Position:
    """The position of a run (its next epoch and step) and its history. best_epoch is -1 before the first
    epoch ended."""

    epoch: int = 0
    step: int = 0
    steps_before: int = 0
    loss_sum: float = 0.0
    elapsed_s: float = 0.0
    best_epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)


def write(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, position: Position, fingerprint: str
) -> None:
    """Network, optimiser, random state and position. fingerprint: identifies the run; no other run may resume it."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    plain: dict[str, Any] = {}  # some optimisers keep flags and counts in addition to tensors
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            (tensors if isinstance(value, Tensor) else plain)[f"optimiser.{number}.{name}"] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    notes = {"format": FORMAT, "fingerprint": fingerprint, "position": json.dumps(asdict(position))}
    notes["plain"] = json.dumps(plain)
    save_whole(path, tensors, notes)


def read(
    path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, fingerprint: str, device: torch.device
) -> Position | None:
    """Fills network, optimiser and random state and returns the position; None when there is nothing to resume.

    Raises ValueError when the file belongs to a run with another configuration or cannot be read.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            notes = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except SafetensorError as error:
        raise ValueError(f"{path} cannot be read ({error}): delete it to start over") from error
    if notes.get("format") != FORMAT or notes.get("fingerprint") != fingerprint:
        raise ValueError(f"{path} is of a run with other settings or data: choose another --out or delete it")
    network.load_state_dict(_under(tensors, "network."))
    document = optimiser.state_dict()
    for name, value in _under(tensors | json.loads(notes.get("plain", "{}")), "optimiser.").items():
        number, _, key = name.partition(".")
        document["state"].setdefault(int(number), {})[key] = value
    optimiser.load_state_dict(document)
    torch.set_rng_state(tensors["random.cpu"].cpu())
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"].cpu())
    return Position(**json.loads(notes["position"]))


def save_whole(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> None:
    """Writes a safetensors file atomically: after a power cut it is either the old or the new one."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_whole(path, lambda part: save_file(plain, part, dict(notes or {})))


def write_json(path: Path, document: Any) -> None:
    """Writes a JSON file atomically, as `save_whole`."""
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    write_whole(path, lambda part: part.write_text(text))


def _under(tensors: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def fingerprint(*facts: Any) -> str:
    """A short digest of everything that must not change between a run and its resumption."""
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]


def load_weights(network: nn.Module, path: Path) -> str:
    """Fills `network` from a safetensors file, heads of another shape left out, and says so for the report.

    Raises ValueError when no tensor fits.
    """
    own = network.state_dict()
    fitting = {n: v for n, v in load_file(path).items() if n in own and own[n].shape == v.shape}
    if not fitting:
        raise ValueError(
            f"{path} holds no tensor that fits this network: expected names like {next(iter(own))}"
        )
    network.load_state_dict(fitting, strict=False)
    return f"{path.name}: {len(fitting)} of {len(own)} tensors"
