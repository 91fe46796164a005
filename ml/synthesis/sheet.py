"""A contact sheet of forgeries, to check training rows by eye before training on them."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ml.sources import Photo
from ml.synthesis.forged_rows import MATCHED, OWN, WAYS, make_rows, plan_forgeries
from ml.synthesis.measure import measure_faces
from ml.training_rows import STORED, TrainingRows

CAPTION = 26  # pixels below each pair for its kind, difficulty and strength
PAIRS_MAX = 400


def sheet(
    photos: Sequence[Photo],
    *,
    pairs: int = 24,
    way: str | None = None,
    difficulty: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
    columns: int = 6,
) -> Image.Image:
    """Pairs (real above, forged below, the mask next to it) with a caption for each.

    way: one of WAYS or MATCHED, None for the mixture used in training; difficulty: from, to within 0..1. Raises
    ValueError for an unknown way, a number out of range, or photographs of which fewer than two of a source
    are real.
    """
    if not 1 <= pairs <= PAIRS_MAX:
        raise ValueError(f"a sheet holds 1 to {PAIRS_MAX} pairs: {pairs} were asked for")
    if way is not None and way not in (*WAYS, MATCHED):
        raise ValueError(f"unknown way {way}: choose one of {', '.join(WAYS)}")
    if not 0 <= difficulty[0] <= difficulty[1] <= 1:
        raise ValueError(f"difficulty runs from 0 to 1: {difficulty} was asked for")
    photos = _drawn_photos(photos, max(2 * pairs // 5, 12), seed)  # measuring all of them takes minutes
    with tempfile.TemporaryDirectory() as folder:
        measures = measure_faces(photos, Path(folder) / "measures.npz")
    groups = np.array([f"{p.source}/{p.identity}" for p in photos])
    ways = WAYS if way is None else {way: 1.0}
    jobs = plan_forgeries(
        photos,
        measures,
        groups,
        np.ones(len(photos), bool),
        rounds=1,
        seed=seed,
        difficulty=difficulty,
        ways=ways,
    )
    forged = [k for k, job in enumerate(jobs) if job.way != OWN]
    drawn = np.random.default_rng(seed).permutation(forged)[:pairs]
    chosen = [replace(jobs[k + step], serving=True) for k in drawn for step in (-1, 0)]
    return _drawn(make_rows(photos, measures, chosen, workers=1), columns)


def _drawn_photos(photos: Sequence[Photo], each: int, seed: int) -> list[Photo]:
    rng = np.random.default_rng(seed)
    kept: list[Photo] = []
    for source in sorted({p.source for p in photos}):
        real = [p for p in photos if p.source == source and p.label == "real"]
        kept += [real[i] for i in rng.permutation(len(real))[:each]]
    return kept


def _drawn(examples: TrainingRows, columns: int) -> Image.Image:
    pairs = len(examples.label) // 2
    columns = min(columns, pairs)
    height = 2 * STORED + CAPTION
    canvas = Image.new("RGB", (columns * STORED, -(-pairs // columns) * height), "white")
    draw = ImageDraw.Draw(canvas)
    for k in range(pairs):
        x, y = k % columns * STORED, k // columns * height
        canvas.paste(Image.fromarray(examples.images[2 * k]), (x, y))
        canvas.paste(Image.fromarray(examples.images[2 * k + 1]), (x, y + STORED))
        mask = Image.fromarray(examples.masks[2 * k + 1])
        canvas.paste(mask, (x + STORED - mask.width, y + 2 * STORED - mask.height))
        row = 2 * k + 1
        draw.text((x + 2, y + 2 * STORED + 1), str(examples.kind[row]), "black")
        facts = f"d {examples.difficulty[row]:.2f}  s {examples.strength[row]:.1f}  {examples.post[row]}"
        draw.text((x + 2, y + 2 * STORED + 13), facts, "black")
    return canvas
