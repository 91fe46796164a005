"""Recipes: one published system a file, on one frame.

A recipe is a module with `RECIPE = Recipe(...)` (`base.py`), named in `catalogue.py`. Its `run(context) -> Results`
reads the data set in its own layout (`ml/sources`), splits, trains, measures, and returns figures; `run.py` does what
is the same for all: config.json before the start, results.json and scores.json after it, seed, device, smoke data.

What the frame offers a recipe:

- `data.divide(photos, context) -> Divided`: refuses or skips unreadable files, groups by identity and perceptual hash,
  80:10:10, frozen to `<out>/splits.json` with every file's hash; `.on(side)` gives rows, `.scores(side, p)` what the
  report is drawn from.
- `data.prepare(photos, name, shape, make, context)`: an on-disk uint8 array made once; `data.Prepared` serves it.
- `loop.fit(network, train, validation, plan, context, name=..., loss=..., measure=...)`: trains, keeps the best
  epoch's weights in `<out>/<name>.safetensors`, and goes on after a kill from `<out>/<name>.checkpoint.safetensors`.
  `train` and `validation` are `loop.Examples`: a length, and `batch(rows, rng)` giving inputs and targets; everything
  random must come from that `rng`, which depends on seed, epoch and step alone. Learning rates and patience are
  functions of step and history.
- `loop.predict(network, examples, context, batch)`, `loop.load_weights(network, context.weights)`.
- `context.progress(total, what)` is a bar with an ETA; `context.budget` has epochs, batch, side and images, which
  `--scale` and `--smoke` set.

Rules: seeds only from `context.seed`; files only below `context.out`; weights as safetensors; both the document's
figure under its own protocol and the honest one, with intervals; a smoke run in seconds on what `sample` writes.
"""

from ml.recipes.base import Budget, Context, Recipe, Results, Scores

__all__ = ["Budget", "Context", "Recipe", "Results", "Scores"]
