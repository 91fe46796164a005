"""Exports a trained network for the workbench: `--export DIR` writes an auxiliary model there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from detection.auxiliary import write_auxiliary_model
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
    write_auxiliary_model(
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
    context.say(f"{context.export}: the auxiliary model {exhibit.name}")
