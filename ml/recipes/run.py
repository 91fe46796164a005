"""Runs one recipe: records its configuration before it starts and its results at the end."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ml.evaluation import report
from ml.recipes.base import Context, Recipe, Results
from ml.recipes.checkpoint import write_json

CONFIG, RESULTS, SCORES = "config.json", "results.json", "scores.json"
FIXED = ("recipe", "budget", "seed", "data", "weights", "skip_unreadable", "smoke")


def run(
    recipe: Recipe,
    *,
    data: Path | None,
    out: Path,
    scale: Mapping[str, str] | None = None,
    device: str = "auto",
    seed: int = 0,
    weights: Path | None = None,
    skip_unreadable: bool = False,
    smoke: bool = False,
    export: Path | None = None,
    quiet: bool = False,
) -> Results:
    """Runs to the end, or resumes a killed run with the same settings; writes config.json before anything
    else, and results.json, scores.json and the report at the end.

    Raises ValueError when `out` holds a run with other settings, the data are not as the recipe expects them, or there
    is neither `data` nor `smoke`.
    """
    budget = (recipe.smoke if smoke else recipe.budget).scaled(scale or {})
    _require_inputs(recipe, data, weights, smoke=smoke)
    out.mkdir(parents=True, exist_ok=True)
    context = Context(
        data=(data or Path()).resolve(),
        out=out,
        budget=budget,
        device=device_of(device),
        seed=seed,
        weights=weights,
        skip_unreadable=skip_unreadable,
        smoke=smoke,
        export=export,
        quiet=quiet,
    )
    config = describe(recipe, context, sample=data is None)
    _record_config(out / CONFIG, config)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, _repeatable(seed):
        if data is None:
            recipe.sample(Path(scratch))
            context = replace(context, data=Path(scratch))
        results = recipe.run(context)
    _write_results(recipe, out, results, time.monotonic() - started, config)
    return results


def _require_inputs(recipe: Recipe, data: Path | None, weights: Path | None, *, smoke: bool) -> None:
    """Raises ValueError when data or weights are missing."""
    if data is None and not smoke:
        raise ValueError(f"{recipe.name} needs --data with {recipe.layout}")
    if weights is not None and not weights.is_file():
        raise ValueError(f"{weights} is no file: --weights expects a safetensors file")


def _write_results(
    recipe: Recipe, out: Path, results: Results, seconds: float, config: Mapping[str, Any]
) -> None:
    """Leaves scores.json, results.json and the report."""
    write_json(out / SCORES, [asdict(rows) for rows in results.scores])
    document = {"recipe": recipe.name, "seconds": round(seconds, 1), "config": config}
    write_json(out / RESULTS, document | results.as_dict())
    report.write(out)


def device_of(name: str) -> torch.device:
    """The device of that name, `auto` taking CUDA where there is one. Raises ValueError when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"--device {name!r} is unknown: expected auto, cpu or cuda") from error
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"--device {name} is not there: expected cpu, or cuda on a machine that has it")
    return device


def describe(recipe: Recipe, context: Context, *, sample: bool) -> dict[str, Any]:
    """The settings that determine the outcome, and where it ran."""
    on = torch.cuda.get_device_name(context.device) if context.device.type == "cuda" else platform.processor()
    return {
        "recipe": recipe.name,
        "source": recipe.source,
        "document_steps": recipe.steps,
        "budget": asdict(context.budget),
        "seed": context.seed,
        "data": "generated sample" if sample else str(context.data),
        "weights": str(context.weights) if context.weights else None,
        "skip_unreadable": context.skip_unreadable,
        "smoke": context.smoke,
        "device": f"{context.device.type} {on}".strip(),
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def _record_config(path: Path, config: Mapping[str, Any]) -> None:
    """Writes it. Raises ValueError when the file is of a run with other settings."""
    if path.exists():
        before = json.loads(path.read_text())
        if other := [name for name in FIXED if before.get(name) != config[name]]:
            raise ValueError(f"{path} is of a run with another {', '.join(other)}: choose another --out")
    write_json(path, config)


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this
    torch.manual_seed(seed)
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
