"""Write an export: `python -m detection.exported.write bundle|auxiliary SOURCE KEY FOLDER`.

The last line that it prints is the SHA-256 of the manifest, which names the network's. A program of its own,
so that the process that scores never loads torch.
"""

import argparse
import hashlib
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from detection import bundle as bundles
from detection.auxiliary.model import load_auxiliary_model
from detection.auxiliary_files import COMPRESSION, MANIFEST
from detection.bundle import Bundle
from detection.ensemble import members, stack, stack_input
from detection.exported.auxiliary import INPUT
from detection.exported.files import CELLS_INPUT, NETWORK, Shape, test_inputs, views_of, write
from detection.forensics.compression_cells import CELLS, VALUES
from detection.preprocess import standardise

OPSET = 17
LOG_ODDS, CHECKED = "log_odds", "checked"


class BundleGraph(nn.Module):
    """Crops of every view, (B, side, side, 3) uint8 in the order of `views_of`, and cells of the compression,
    (B, CELLS, VALUES) float32, where the bundle has a `stack_input`, to log-odds of *fake*, (B, 5).

    What a `stack_input` finds is a second output, (B, 1), which no vote is made of: the stack may take nothing from the
    test inputs, and a wrong network would pass unseen.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.parts, self.stack, self.stack_input = bundle.parts, stack(bundle), stack_input(bundle)
        self.networks = nn.ModuleList(members(bundle))
        views = list(views_of(bundle).values())
        self.places = [views.index(member.view) for member in bundle.members]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        crops = inputs[:-1] if self.stack_input else inputs
        seen = [standardise(each) for each in crops]
        logits = [network(seen[place]) for network, place in zip(self.networks, self.places, strict=True)]
        read: list[Tensor] = list(logits)
        checked: list[Tensor] = []
        if self.stack_input:
            read.append(self.stack_input(inputs[-1]))
            checked.append(self.stack_input.log_odds(inputs[-1])[:, None])
        columns = [*logits, self.stack(torch.cat(read, 1))]
        votes = torch.stack(
            [(x[:, 1] - x[:, 0]) / part.temperature for x, part in zip(columns, self.parts, strict=True)], 1
        )
        return votes, *checked


class AuxiliaryGraph(nn.Module):
    """Crops around faces, (B, side, side, 3) uint8, or cells of their compression, to log-odds of *fake*, (B, 1)."""

    def __init__(self, network: nn.Module, *, sees_pixels: bool) -> None:
        super().__init__()
        self.network, self.sees_pixels = network, sees_pixels

    def forward(self, seen: Tensor) -> Tensor:
        logits = self.network(seen.permute(0, 3, 1, 2).float() / 255 if self.sees_pixels else seen)
        return logits[:, 1:] - logits[:, :1] if logits.shape[1] == 2 else logits[:, :1]


def export_bundle(source: Path, key: str, folder: Path) -> str:
    """The manifest's SHA-256. Raises BundleRefused."""
    bundle = bundles.read(source)
    inputs: dict[str, Shape] = {name: (view.side, view.side, 3) for name, view in views_of(bundle).items()}
    if bundle.stack_input:
        inputs[CELLS_INPUT] = (CELLS, VALUES)
    graph = BundleGraph(bundle)
    _export(graph, inputs, folder)
    about = {"version": bundle.version, "digest": bundle.digest}
    return write(folder, key=key, inputs=inputs, expected=_results(graph, inputs), about=about)


def export_auxiliary(source: Path, key: str, folder: Path) -> str:
    """The manifest's SHA-256.

    Raises AuxiliaryModelRefused; ValueError for a model that does not look at the face, or asks for no person.
    """
    model = load_auxiliary_model(source)
    if not model.sees_faces or model.review_above is None:
        raise ValueError(
            f"the auxiliary model {model.name} cannot be exported: it does not look at the face alone"
        )
    sees_pixels = model.view != COMPRESSION
    inputs = {INPUT: (model.side, model.side, 3) if sees_pixels else (CELLS, VALUES)}
    graph = AuxiliaryGraph(model.network, sees_pixels=sees_pixels)
    _export(graph, inputs, folder)
    digest = hashlib.sha256((source / MANIFEST).read_bytes()).hexdigest()
    about = {"name": model.name, "review_above": model.review_above, "digest": digest, "view": model.view}
    return write(folder, key=key, inputs=inputs, expected=_results(graph, inputs), about=about)


def _export(graph: nn.Module, inputs: Mapping[str, Shape], folder: Path) -> None:
    outputs = [LOG_ODDS, CHECKED] if CELLS_INPUT in inputs else [LOG_ODDS]
    with warnings.catch_warnings():
        # What the tracer takes for constant are numbers of channels; batches of three sizes are compared before use.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.eval(),
            tuple(torch.from_numpy(test_inputs(shape)[:2]) for shape in inputs.values()),
            str(folder / NETWORK),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs onnxscript
        )


@torch.inference_mode()
def _results(graph: nn.Module, inputs: Mapping[str, Shape]) -> list[list[float]]:
    """Torch's, in float32."""
    crops = [torch.from_numpy(test_inputs(shape)) for shape in inputs.values()]
    found = graph.eval()(*crops)
    results: list[list[float]] = torch.cat(found if isinstance(found, tuple) else (found,), 1).tolist()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("bundle", "auxiliary"))
    parser.add_argument("source", type=Path)
    parser.add_argument("key")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    export = export_bundle if asked.kind == "bundle" else export_auxiliary
    sys.stdout.write(export(asked.source, asked.key, asked.folder) + "\n")


if __name__ == "__main__":
    main()
