"""Recipe L: learns to mark edited regions of faces from the masks of synthesised edits.

Each pair of rows is a real face and a forged version of the same photograph, forged at native size, then
compressed and reduced in the same way. RFF's own fakes are paired with a real face of the set; their masks
come from their flags. Training mixes hard pastes with blended seams, measuring takes the full range. Test
persons and donors were never seen; RFF's own fakes are compared with RFF's own reals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from detection.forensics.network_inputs import colours_residual, compressed
from detection.networks.unet import UNet
from ml.evaluation.metrics import auc, share
from ml.evaluation.pixels import image_score, mean_over, pixel_figures, pointing, position_only
from ml.optimisers import muon
from ml.recipes.base import Context, Results
from ml.recipes.checkpoint import load_weights
from ml.recipes.data import Divided, divide, open_rgb
from ml.recipes.exporting import Exhibit, export
from ml.recipes.initial import SCRATCH, he
from ml.recipes.loop import History, Plan, fit, predict
from ml.recipes.u_unet import mask_loss
from ml.sources import SOURCES, Photo, SourceMissing, read_all
from ml.synthesis.donors import neighbours, shape_features
from ml.synthesis.edits import copy_move, splice
from ml.synthesis.forge import Forgery, blend_donor, draw_recipe, self_blend, swap
from ml.synthesis.forge import Recipe as Stroke
from ml.synthesis.measure import MIN_SCORE, Measures, measure_faces
from ml.synthesis.regions import mask_of

WIDTH, RATE, WARMUP = 8, 2e-3, 100
LEAST_QUALITY, BEST_QUALITY, OWN_GROWTH = 70, 96, 1.3
WAYS, SHARES = ("swap", "self", "splice", "copymove", "anywhere"), (0.4, 0.1, 0.15, 0.15, 0.2)
PRIOR_PAIRS = 300
EXHIBIT = Exhibit(
    "l",
    "Edited region",
    "unet",
    {"width": WIDTH, "channels": 6, "dropout": 0.0},
    "colours_residual",
    "swapped, spliced and copied regions of research and official portraits, and RFF",
)


@dataclass(frozen=True, slots=True)
class Faces:
    """What forging needs: photographs with their measures, and the donors of each real one on its side (rows)."""

    photos: list[Photo]
    measures: Measures
    donors: Mapping[int, np.ndarray]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Examples: each gives two rows, a real face and a forgery. pairs: (P, 2) rows of the photographs; where
    both are the same, the second is forged here. Without a generator (when measuring) every forgery has the
    highest difficulty.
    """

    faces: Faces
    pairs: np.ndarray
    side: int
    seed: int = 0

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        hardest = 1.0 if rng is None else float(rng.uniform())
        views, masks = [], []
        for row in rows:
            draw = rng or np.random.default_rng([self.seed, int(row)])
            for image, mask in self.pair(int(row), draw, hardest):
                turned = rng is not None and bool(draw.integers(2))
                views.append(image[:, ::-1] if turned else image)
                masks.append(mask[:, ::-1] if turned else mask)
        x = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float() / 255
        return x, torch.from_numpy(np.stack(masks))[:, None].float()

    def pair(self, row: int, rng: np.random.Generator, hardest: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Views (S, S, 6) uint8 and masks (S, S) in 0..1 of the real and the forged face, compressed in the
        same way."""
        real, fake = (int(i) for i in self.pairs[row])
        before = pixels(self.faces.photos[real])
        forged = self.forge(real, rng, hardest) if fake == real else self.own(fake)
        quality = int(rng.integers(LEAST_QUALITY, BEST_QUALITY))
        out = []
        for image, mask in ((before, np.zeros(before.shape[:2], np.uint8)), (forged.image, forged.mask)):
            picture = compressed(compressed(Image.fromarray(image), quality))
            small = Image.fromarray(mask).resize((self.side, self.side), Image.Resampling.BOX)
            out.append((colours_residual(picture, self.side), (np.asarray(small) > 127).astype(np.float32)))
        return out

    def forge(self, row: int, rng: np.random.Generator, hardest: float) -> Forgery:
        """A forged version of one real face."""
        target, points = pixels(self.faces.photos[row]), self.faces.measures.points[row]
        recipe = draw_recipe(rng, hardest)
        near = self.faces.donors.get(row)
        way = str(rng.choice(WAYS, p=SHARES))
        if way == "self" or near is None:
            return self_blend(target, points, recipe, rng)
        if way == "copymove":
            return copy_move(target, points, recipe, rng)
        other = int(rng.choice(near))
        donor, donor_points = pixels(self.faces.photos[other]), self.faces.measures.points[other]
        if way == "splice":
            return splice(target, points, donor, donor_points, recipe, rng)
        if way == "anywhere":
            return anywhere(target, donor, recipe, rng)
        return swap(target, points, donor, donor_points, recipe)

    def way(self, row: int) -> str:
        """How the pair's forgery is made when measuring."""
        real, fake = (int(i) for i in self.pairs[row])
        if real != fake:
            return "own"
        rng = np.random.default_rng([self.seed, row])
        return self.forge(real, rng, 1.0).kind.split("/")[0]

    def own(self, row: int) -> Forgery:
        """A fake of the data set itself, with the regions that its file name states."""
        image, mask = pixels(self.faces.photos[row]), None
        for region in self.faces.photos[row].regions:
            part = mask_of(region, self.faces.measures.points[row], image.shape[:2], OWN_GROWTH)
            mask = part if mask is None else mask | part
        return Forgery(image, np.zeros(image.shape[:2], np.uint8) if mask is None else mask, "own")


def anywhere(target: np.ndarray, donor: np.ndarray, recipe: Stroke, rng: np.random.Generator) -> Forgery:
    """An ellipse of another photograph anywhere in the picture, so that the location of an edit carries no
    information.

    target, donor: (H, W, 3) uint8 RGB of any sizes. recipe: seam, softness and colour are used.
    """
    height, width = target.shape[:2]
    scaled = np.asarray(Image.fromarray(donor).resize((width, height), Image.Resampling.BICUBIC))
    moved = np.roll(scaled, rng.integers(0, (height, width)), axis=(0, 1))
    mask = np.zeros((height, width), np.uint8)
    axes = np.round(min(height, width) * rng.uniform(0.06, 0.2, 2)).astype(int)
    centre = (int(rng.integers(axes[0], width - axes[0])), int(rng.integers(axes[1], height - axes[1])))
    cv2.ellipse(mask, centre, (int(axes[0]), int(axes[1])), float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return blend_donor(target, moved, mask, recipe, width / 2, "anywhere/patch")


def pixels(photo: Photo) -> np.ndarray:
    """(H, W, 3) uint8 RGB of one file."""
    return np.asarray(open_rgb(photo.path))


def pairs_of(divided: Divided, faces: Faces, side: str, seed: int) -> np.ndarray:
    """(P, 2) rows: every usable real face with itself, every usable fake of a source with a real one of it."""
    rng = np.random.default_rng(seed)
    usable = [int(i) for i in divided.on(side) if faces.measures.score[i] >= MIN_SCORE]
    real = [i for i in usable if faces.photos[i].label == "real"]
    pairs = [(i, i) for i in real]
    for i in usable:
        photo = faces.photos[i]
        if photo.label == "fake" and photo.regions:
            same = [j for j in real if faces.photos[j].source == photo.source]
            if same:
                pairs.append((int(rng.choice(same)), i))
    if not pairs:
        raise SourceMissing(
            f"the {side} side has no face that can be forged: expected upright face photographs"
        )
    return np.array(pairs)


def measured(photos: list[Photo], divided: Divided, cache: Path) -> Faces:
    """Measures of all photographs, and for each real one its most similar faces of the same source and side."""
    everything = measure_faces(photos, cache)
    row = {p.key: i for i, p in enumerate(photos)}
    kept = [row[p.key] for p in divided.photos]
    found = everything.of(kept)
    features, group = shape_features(found), np.array(divided.group)
    donors: dict[int, np.ndarray] = {}
    source = np.array([p.source for p in divided.photos])
    real = np.array([p.label == "real" for p in divided.photos]) & (found.score >= MIN_SCORE)
    for name in sorted(set(source)):
        for side in set(divided.side):
            pool = np.flatnonzero(real & (source == name) & (np.array(divided.side) == side))
            if len(pool) > 1:
                donors.update(zip((int(i) for i in pool), neighbours(features, pool, group), strict=True))
    return Faces(divided.photos, found, donors)


def run(context: Context) -> Results:
    """Trains, chooses the epoch on validation, measures on test."""
    names = [name for name in SOURCES if (context.data / name).is_dir()]
    photos = read_all(context.data, names)
    divided = divide(photos, context, both=False)
    faces = measured(photos, divided, context.out / "measures.npz")
    side, budget = context.budget.side, context.budget
    train, validation, test = (
        Pairs(faces, pairs_of(divided, faces, s, context.seed), side, seed=number)
        for number, s in enumerate(("train", "validation", "test"))
    )
    network = UNet(**EXHIBIT.arguments)
    he(network, context.seed)
    weights = load_weights(network, context.weights) if context.weights else SCRATCH
    steps = budget.steps or budget.epochs * -(-len(train) // budget.batch)

    def rate(step: int, history: History) -> float:
        part = max(0.0, step - WARMUP) / max(1, steps - WARMUP)
        return RATE * min(1.0, (step + 1) / WARMUP) * (0.02 + 0.98 * (1 + np.cos(np.pi * min(1.0, part))) / 2)

    plan = Plan(
        epochs=budget.epochs,
        batch=budget.batch,
        optimiser=lambda parameters: muon(list(parameters), lr=RATE, device=context.device),
        rate=rate,
    )
    history = fit(
        network, train, validation, plan, context, name="localiser", loss=mask_loss, measure=pixel_figures
    )
    outputs, target = predict(network, test, context, budget.batch)
    rows = np.arange(len(train))[:: max(1, len(train) // PRIOR_PAIRS)]
    usual = train.batch(rows, None)[1][1::2]
    figures = measured_on(test, outputs, target, divided) | position_only(usual, target)
    export(context, network, EXHIBIT, figures, weights)
    return Results(
        weights=weights,
        counts=divided.counts(),
        documented={"metric": "none, the documents have no such system", "reported": None},
        honest=figures,
        why="There is no documented figure.",
        history={"localiser": history},
        extra={"split_sha256": divided.sha256, "skipped": divided.skipped, "pairs": len(train)},
    )


def measured_on(test: Pairs, outputs: Tensor, target: Tensor, divided: Divided) -> dict[str, object]:
    """Figures on the test pairs. outputs, target: (2P, 1, S, S), real and forged in turn."""
    score, label = image_score(outputs), np.tile([0, 1], len(test))
    group = np.repeat([divided.group[i] for i in test.pairs[:, 1]], 2)
    made = np.repeat(test.pairs[:, 0] == test.pairs[:, 1], 2)
    pair = score.reshape(-1, 2)[made[::2]]
    hit = pointing(outputs[1::2], target[1::2])
    ways = np.repeat(np.array([test.way(i) for i in range(len(test))]), 2)
    figures: dict[str, object] = {
        "auc": auc(label[made], score[made], group[made]).as_dict(),
        "told_apart_within_pair": share(pair[:, 1] > pair[:, 0], group[made][::2]).as_dict(),
        "pixel_f1_forged_pictures": mean_over(outputs, target, group).as_dict(),
        "pixel_f1_calling_all_forged": mean_over(torch.full_like(outputs, 9.0), target, group).as_dict(),
        "most_suspect_pixel_is_forged": share(hit, group[1::2]).as_dict(),
        "share_of_forged_pixels": round(float(target[1::2].mean()), 4),
    }
    for name in WAYS:
        rows = made & (ways == name)
        if rows.any():
            figures[f"auc_{name}"] = auc(label[rows], score[rows], group[rows]).as_dict()
    if not made.all():
        figures["auc_own_fakes"] = auc(label[~made], score[~made], group[~made]).as_dict()
    return figures
