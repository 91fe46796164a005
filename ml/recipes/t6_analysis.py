"""Recipe T6: statistics of the data before any training (system T, section 3.2).

Class counts, and the mean, standard deviation and absolute difference of the classes' faces, over all images
as in the document. Honest: how well the nearest of the two mean faces separates the classes on grouped,
unseen pictures. It uses crop, light and sharpness, not forgery.
"""

from functools import partial

import numpy as np
from scipy.special import expit

from ml.evaluation import class_means
from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.data import Divided, divide, label_of, prepare
from ml.recipes.faces import SOURCE, pixels
from ml.recipes.forensic import honest_figures
from ml.recipes.probes import probes
from ml.recipes.t5_voting import LAYOUT, write_voting
from ml.sources import voting

RATIO = 203_680 / 960


def run(context: Context) -> Results:
    """Counts, pictures, and the accuracy of the mean faces alone."""
    divided = divide(voting.read(context.data), context)
    side, label = context.budget.side, label_of(divided.photos)
    inputs = prepare(divided.photos, "faces", (side, side, 3), partial(pixels, side=side), context)
    faces = class_means.class_mean_faces(label, lambda rows: inputs[rows])
    fakes = int(label.sum())
    score = nearest_mean(divided, inputs, label)
    target = label[divided.on("test")]
    return Results(
        weights="none: nothing is trained",
        counts=divided.counts(),
        documented={
            "metric": "real faces to one fake",
            "reported": {"ratio": RATIO},
            "ratio": round((len(label) - fakes) / fakes, 2),
        },
        honest=honest_figures(score, target, divided),
        why="The ratio is that of the sets at hand; LFW, UTKFace and SCUT-FBP5500 hold fewer faces than CelebA.",
        scores=(divided.scores("test", score),),
        extra={
            "split_sha256": divided.sha256,
            "skipped": divided.skipped,
            "probes": probes(divided),
            "faces": class_means.write(faces, context.out),
        },
    )


def nearest_mean(divided: Divided, inputs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(N,) of the test side, above one half where a picture lies closer to the training fakes' mean than the reals'."""
    rows = divided.on("train")
    means = class_means.class_mean_faces(label[rows], lambda k: inputs[rows[k]])
    axis = means["mean_fake"] - means["mean_real"]
    middle = (means["mean_fake"] + means["mean_real"]) / 2
    along = np.array([((inputs[i] - middle) * axis).sum() for i in divided.on("test")])
    return np.asarray(expit(along / max(1e-9, float((axis**2).sum()))))


RECIPE = Recipe(
    name="T6",
    summary="class counts; mean, standard deviation and difference of the classes' faces",
    source=SOURCE,
    layout=LAYOUT,
    reported="203,680 real and 960 fake faces, 212:1",
    budget=Budget(epochs=1, batch=256, side=125),
    smoke=Budget(epochs=1, batch=256, side=32),
    run=run,
    sample=write_voting,
)
