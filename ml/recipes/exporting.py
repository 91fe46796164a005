"""From a trained network to what the workbench loads: `--export DIR` writes a second opinion there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from detection.opinions import write
from ml.recipes.base import Context


@dataclass(frozen=True, slots=True)
class Exhibit:
    """How a recipe's network is shown: the opinion's name and title, what it is built from and what it looks at."""

    name: str
    title: str
    architecture: str
    arguments: Mapping[str, Any]
    view: str
    learned_from: str


def export(
    context: Context, network: nn.Module, exhibit: Exhibit, metrics: Mapping[str, Any], weights: str
) -> None:
    """Writes the opinion when the run was asked for one; metrics are those of the test side."""
    if context.export is None:
        return
    write(
        context.export,
        network.cpu(),
        name=exhibit.name,
        title=exhibit.title,
        limits=f"Learned from {exhibit.learned_from}; on other pictures it may mean little.",
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
    context.say(f"{context.export}: the second opinion {exhibit.name}")
