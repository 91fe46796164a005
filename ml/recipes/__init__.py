"""Recipes: one published system per file, on a common frame.

A recipe is a module with `RECIPE = Recipe(...)` (`base.py`), named in `catalogue.py`. Its `run(context) ->
Results` reads the data set in the layout in which it is distributed (`ml/sources`), splits, trains, measures,
and returns figures. `run.py` does what all recipes share: config.json before the start, results.json and
scores.json after it, seed, device, smoke data.

What the frame provides:

- `data.divide(photos, context) -> Divided`: refuses or skips unreadable files, groups by identity and
  perceptual hash, 80:10:10, frozen to `<out>/splits.json` with every file's hash; `.on(side)` gives rows,
  `.scores(side, p)` the input of the report.
- `data.prepare(photos, name, shape, make, context)`: an on-disk uint8 array computed once; `data.Prepared`
  reads it.
- `loop.fit(network, train, validation, plan, context, name=..., loss=..., measure=...)`: trains, keeps the
  best epoch's weights in `<out>/<name>.safetensors`, and resumes from `<out>/<name>.checkpoint.safetensors`.
  `train` and `validation` are `loop.Examples`: a length, and `batch(rows, rng)` giving inputs and targets;
  all randomness must come from that `rng`, which depends only on seed, epoch and step. Learning rates and
  patience are functions of step and history.
- `loop.predict(network, examples, context, batch)`, `loop.load_weights(network, context.weights)`.
- `context.progress(total, what)` is a bar with an ETA; `context.budget` has epochs, batch, side and images, which
  `--scale` and `--smoke` set.

Rules: seeds only from `context.seed`; files only below `context.out`; weights as safetensors; both the document's
figure under its own protocol and the honest one, with intervals; a smoke run in seconds on what `sample` writes.
"""

from ml.recipes.base import Budget, Context, Recipe, Results, Scores

__all__ = ["Budget", "Context", "Recipe", "Results", "Scores"]
