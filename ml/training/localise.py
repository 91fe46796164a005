"""The trunk with its mask head as an auxiliary model: what its masks are worth, and the folder that serving loads."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from detection.auxiliary import AuxiliaryModel, write_auxiliary_model
from detection.networks.localiser import Localiser, WithMaskHead
from detection.precision import has_bfloat16
from ml.evaluation.metrics import auc, share
from ml.evaluation.pixels import image_score, mean_over, pointing, position_only
from ml.training.batches import CELL, assemble_batch
from ml.training.sides import SplitSide
from ml.training_rows import MASK, TrainingRows

SIDE = 160  # what is measured: the middle 160 of 200 px; what serving sees has the same scale
SERVED = 192  # the centre square's side; a multiple of 32 next to the 200 px that the examples were scaled to
BATCH = 64
PRIOR = 2000  # forgeries that teach the mask for every face
# Marked from this probability on: highest pixel F1 on validation (EXPERIMENTS.md).
CUT = 0.2


@torch.inference_mode()
def predict_masks(model: WithMaskHead, side: SplitSide) -> tuple[Tensor, Tensor]:
    """(N, 1, C, C) logits of *edited* per cell of four pixels, and the true share of each, for every row."""
    model.eval()
    told, true = [], []
    for start in range(0, len(side.examples.label), BATCH):
        rows = np.arange(start, min(start + BATCH, len(side.examples.label)))
        batch = assemble_batch(side.examples, rows, SIDE)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16(torch.device("cpu"))):
            _, edited = model(batch.images.contiguous(memory_format=torch.channels_last))
        cells = batch.mask.shape[-2:]
        told.append(F.interpolate(edited[:, :1].float(), size=cells, mode="bilinear"))
        true.append(batch.mask[:, None])
    return torch.cat(told), torch.cat(true)


def localisation_metrics(model: WithMaskHead, train: SplitSide, test: SplitSide) -> dict[str, Any]:
    """Figures on `test` with intervals, and those of one constant mask learned from `train`."""
    told, true = predict_masks(model, test)
    made = np.flatnonzero(test.examples.made & (true > 0.5).flatten(1).any(1).numpy())
    rows = np.concatenate([made, made - 1])
    score, label = image_score(told), np.repeat([1, 0], len(made))
    marked = told + math.log((1 - CUT) / CUT)  # pixel figures are taken at one half
    hit = pointing(told[made], true[made])
    found: dict[str, Any] = {
        "auc": auc(label, score[rows], test.group[rows]).as_dict(),
        "told_apart_within_pair": share(score[made] > score[made - 1], test.group[made]).as_dict(),
        "pixel_f1_forged_pictures": mean_over(marked[made], true[made], test.group[made]).as_dict(),
        "most_suspect_pixel_is_forged": share(hit, test.group[made]).as_dict(),
        "marked_share_of_forged": round(float((marked[made] > 0).float().mean()), 4),
        "marked_share_of_real": round(float((marked[made - 1] > 0).float().mean()), 4),
    }
    found |= position_only(_seen(train.examples), true[made])
    own = (test.examples.label == 1) & ~test.examples.made
    for name in sorted(set(test.source[own])):
        of = (test.source == name) & ~test.examples.made
        found[f"auc_own_{name}"] = auc(test.examples.label[of], score[of], test.group[of]).as_dict()
    return found


def _seen(examples: TrainingRows) -> Tensor:
    """Masks of the forgeries, where `predict_masks` looks."""
    masks = torch.from_numpy(examples.masks[np.flatnonzero(examples.made)[:PRIOR]])[:, None].float() / 255
    edge = (MASK - SIDE // CELL) // 2
    masks = masks[..., edge : MASK - edge, edge : MASK - edge]
    return masks[(masks > 0.5).flatten(1).any(1)]


def write_localiser(
    out: Path,
    model: WithMaskHead,
    *,
    architecture: str,
    arguments: Mapping[str, Any],
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> AuxiliaryModel:
    """Writes the folder that `detection.auxiliary` loads. Raises AuxiliaryModelRefused."""
    network = Localiser(architecture, **arguments)
    network.inner.load_state_dict(model.state_dict())
    return write_auxiliary_model(
        out,
        network,
        name="edited_region",
        title="Edited region",
        limits="Learned from swapped, blended, warped, retouched and pasted regions of research and official "
        "portraits; it looks at the centre square only. It finds coarse pastes, rarely warps.",
        architecture="localiser",
        arguments={"architecture": architecture, **arguments},
        view="centre",
        side=SERVED,
        metrics=metrics,
        provenance=provenance,
    )
