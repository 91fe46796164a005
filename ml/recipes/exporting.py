"""Exports a trained network for the workbench: `--export DIR` writes an additional detector there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from detection.opinions import write
from ml.recipes.base import Context


@dataclass(frozen=True, slots=True)
class Exhibit:
    """How the workbench shows a recipe's network: name, title, architecture and input."""

    name: str
    title: str
    architecture: str
    arguments: Mapping[str, Any]
    view: str
    learned_from: str


def export(
    context: Context, network: nn.Module, exhibit: Exhibit, metrics: Mapping[str, Any], weights: str
) -> None:
    """Writes the network when `--export` was given; metrics are those of the test side."""
    if context.export is None:
        return
    write(
        context.export,
        network.cpu(),
        name=exhibit.name,
        title=exhibit.title,
        limits=f"Learned from {exhibit.learned_from}; it may be unreliable on other pictures.",
        architecture=exhibit.architecture,
        arguments=exhibit.arguments,
        view=exhibit.view,
        side=context.budget.side,
        metrics={name: figure for name, figure in metrics.items() if isinstance(figure, dict)},
        provenance={
            "recipe": exhibit.name,
            "data": context.data.name,
            "seed": context.seed,
            "epochs": context.budget.epochs,
            "images_per_class": context.budget.images,
            "started_from": weights,
        },
    )
    context.say(f"{context.export}: the additional detector {exhibit.name}")
