"""Recipes Rfrozen and T1frozen: what a frozen pretrained network already knows about the data of R and of T1.

The documents start from ImageNet weights of ResNet-50 and ResNet-18, which cannot be installed from a package index;
those of EfficientNet-Lite0 can (`ml/training/pretrained.py`). Here it stays as it is, and a logistic regression learns
from its 1,280 pooled features, so a run takes a minute. It stands in for the documents' networks and is not their
protocol: a figure it reaches needs no fine-tuning, and one it misses says little about a network that was fine-tuned.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from detection.forensics.network_inputs import colours, compressed
from detection.networks.hybrid import LITE0
from ml.evaluation.metrics import auc, share
from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.data import divide, label_of, open_rgb
from ml.recipes.faces import LAYOUT, SOURCE, documented_draw, write_rff
from ml.recipes.forensic import honest_figures, stratified_draw
from ml.recipes.probes import probes
from ml.recipes.scenes import write_faces
from ml.sources import Photo, rff
from ml.sources.folders import read_labelled
from ml.training.pretrained import CREDIT, PretrainedMissing, is_installed, lite0_weights

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of the regression; chosen by the log loss on validation
FIXED_STRENGTH = 1e-2  # where there is no part to choose it on
FOLDS = 5
LEVEL = 127.5
WHY = (
    "The document draws at random and leaves each class as its own programs saved it; the honest figures group people "
    "and near-duplicates and compress both classes in the same way first."
)

Draw = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def network_of(context: Context) -> tuple[nn.Module, str]:
    """Lite0 without its classifier, and where its weights come from.

    Raises ValueError without the package; smoke runs then take random weights and say so.
    """
    network: nn.Module = timm.create_model(LITE0, pretrained=False, num_classes=0)
    if context.smoke and not is_installed():
        return network.eval(), "random: the package with the weights is not installed"
    try:
        network.load_state_dict(lite0_weights(context.out))
    except PretrainedMissing as error:
        raise ValueError(str(error)) from error
    return network.eval(), CREDIT


def features(
    photos: Sequence[Photo], network: nn.Module, make: Callable[[Image.Image], Image.Image], context: Context
) -> np.ndarray:
    """(N, 1280) float32, pooled; make is applied to each picture before it is resized."""
    network.to(context.device)
    found, batch = [], context.budget.batch
    with torch.inference_mode(), context.progress(len(photos), "features") as bar:
        for start in range(0, len(photos), batch):
            images = [
                colours(make(open_rgb(p.path)), context.budget.side) for p in photos[start : start + batch]
            ]
            x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
            found.append(network(((x - LEVEL) / LEVEL).to(context.device)).float().cpu().numpy())
            bar.update(len(images))
    return np.concatenate(found)


def regression(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))


def chosen(x: np.ndarray, label: np.ndarray, train: np.ndarray, validation: np.ndarray) -> Pipeline:
    """The regression on `train` whose log loss on `validation` is lowest. x: (N, D); label: (N,); rows of both."""
    fitted = [regression(strength).fit(x[train], label[train]) for strength in STRENGTHS]
    return min(fitted, key=lambda m: log_loss(label[validation], fake(m, x[validation]), labels=[0, 1]))


def fake(model: Pipeline, x: np.ndarray) -> np.ndarray:
    """(N,) probability of fake."""
    return np.asarray(model.predict_proba(x)[:, 1])


def cross_validated(x: np.ndarray, label: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """Area and accuracy of scores from five folds over groups, each by a regression that saw the other four."""
    score = np.empty(len(label))
    for train, held in GroupKFold(FOLDS, shuffle=True, random_state=0).split(x, label, group):
        score[held] = fake(regression(FIXED_STRENGTH).fit(x[train], label[train]), x[held])
    return {
        "auc_five_folds": auc(label, score, group).as_dict(),
        "accuracy_five_folds": share((score > 0.5) == label, group).as_dict(),
    }


def run(context: Context, read: Callable[[Context], Sequence[Photo]], draw: Draw, reported: float) -> Results:
    """Features twice, as the files are and after a common compression; a regression on each."""
    divided = divide(read(context), context)
    label, group = label_of(divided.photos), np.array(divided.group)
    network, weights = network_of(context)
    plain = features(divided.photos, network, lambda image: image, context)
    even = features(divided.photos, network, compressed, context)
    train, held = draw(label, context.seed)
    documented = fake(chosen(plain, label, train, held), plain[held])
    sides = {name: divided.on(name) for name in ("train", "validation", "test")}
    score = fake(chosen(even, label, sides["train"], sides["validation"]), even[sides["test"]])
    return Results(
        weights=f"{weights}; frozen",
        counts=divided.counts(),
        documented={
            "metric": "validation accuracy, random draw of files, another network that is not fine-tuned",
            "reported": reported,
            "accuracy": share((documented > 0.5) == label[held], group[held]).as_dict(),
        },
        honest=honest_figures(score, label[sides["test"]], divided) | cross_validated(even, label, group),
        why=WHY,
        scores=(divided.scores("test", score),),
        extra={"split_sha256": divided.sha256, "skipped": divided.skipped, "probes": probes(divided)},
    )


def _first_two(label: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = documented_draw(label, seed, stratified=False)
    return drawn["train"], drawn["validation"]


R_FROZEN = Recipe(
    name="Rfrozen",
    summary="a logistic regression on a frozen EfficientNet-Lite0, photographed or generated face",
    source="003: deepfake image detection, transfer learning (another network, frozen)",
    layout="real/ and fake/ with face pictures",
    reported="validation accuracy 97.34 % on 138,565 images, ResNet-50 fine-tuned",
    budget=Budget(epochs=1, batch=32, side=224),
    smoke=Budget(epochs=1, batch=8, side=64, images=16),
    run=partial(
        run,
        read=lambda context: read_labelled(context.data, source=context.data.name),
        draw=partial(stratified_draw, held=0.2),
        reported=0.9734,
    ),
    sample=write_faces,
)
T1_FROZEN = Recipe(
    name="T1frozen",
    summary="a logistic regression on a frozen EfficientNet-Lite0, balanced RFF",
    source=f"{SOURCE} (another network, frozen)",
    layout=LAYOUT,
    reported="validation accuracy 68.63 %, ResNet-18 fine-tuned",
    budget=Budget(epochs=1, batch=32, side=224),
    smoke=Budget(epochs=1, batch=8, side=64, images=16),
    run=partial(run, read=lambda context: rff.read(context.data), draw=_first_two, reported=0.6863),
    sample=write_rff,
)
