"""Reviewers' decisions as sides to learn, choose and measure on, split by person."""

from collections.abc import Sequence

import numpy as np

from ml import splits
from ml.inverse_probability import inverse_probability_weights
from ml.sources import Photo
from ml.training.faces import FramedFaces
from ml.training.sides import SplitSide
from ml.training_rows import MASK, ImageRows, TrainingRows

SIDES = (("test", 0.2), ("validation", 0.2), ("stack", 0.2), ("train", 0.4))
SIDES_BESIDE_HOLDOUT = (("validation", 0.25), ("stack", 0.25), ("train", 0.5))
LEAST = 20  # decisions of each label: a fifth of them is four, the least that gives a side both classes


class TooFewDecisions(ValueError):
    """The snapshot is too small to train and measure on; the text says how many are needed."""


def require_enough(photos: Sequence[Photo], least: int = LEAST) -> None:
    """TooFewDecisions unless both labels have `least` different people."""
    for label in ("real", "fake"):
        people = len({p.identity for p in photos if p.label == label})
        if people < least:
            raise TooFewDecisions(
                f"the snapshot has decisions of {people} applicants labelled {label}: at least {least} of each label "
                f"are needed to train, choose thresholds and measure on different people; decide "
                f"{least - people} more"
            )


def split_decisions(
    photos: Sequence[Photo],
    faces: FramedFaces,
    seed: int,
    weight_max: float | None = None,
    *,
    traces: np.ndarray | None = None,
) -> dict[str, SplitSide]:
    """Sides by applicant. An applicant's submissions stay together; no hash is needed, applicants are named.

    faces: the photographs', in their order; none is read here. A snapshot's hold-out is the test side; an older one
    without has a fifth drawn for it. weight_max: where weights are truncated; without it rows have none. traces: of
    the photographs, as of `SplitSide`.
    """
    groups = np.array([f"{p.source}/{p.identity}" for p in photos])
    held_out = np.array([p.holdout for p in photos])
    sides = SIDES_BESIDE_HOLDOUT if held_out.any() else SIDES
    rest = [p for p in photos if not p.holdout]
    side_of = splits.assign_sides(rest, groups[~held_out].tolist(), seed=f"candidate:{seed}", sides=sides)
    of = np.array(["test" if p.holdout else side_of[p.key] for p in photos])
    source = np.array([p.source for p in photos])
    made = {}
    for name, _ in SIDES:
        rows = np.flatnonzero(of == name).tolist()
        labels = {photos[i].label for i in rows}
        if labels != {"real", "fake"}:
            raise TooFewDecisions(
                f"the {name} side holds only {', '.join(sorted(labels)) or 'no'} decisions: add more of both labels"
            )
        examples = _training_rows([photos[i] for i in rows], faces.rows(rows))
        raw = np.array([photos[i].weight for i in rows])
        weights = inverse_probability_weights(raw, examples.label, most=weight_max) if weight_max else None
        made[name] = SplitSide(
            examples,
            source[rows],
            groups[rows],
            weights,
            _soft_labels([photos[i] for i in rows]),
            None if traces is None else traces[rows],
        )
    return made


def _soft_labels(photos: Sequence[Photo]) -> np.ndarray | None:
    """(N,) float32 probabilities of fake, None when the snapshot states none; a row without one is as labelled."""
    if all(photo.fake_probability is None for photo in photos):
        return None
    stated = (
        float(photo.label == "fake") if photo.fake_probability is None else photo.fake_probability
        for photo in photos
    )
    return np.fromiter(stated, np.float32, len(photos))


def _training_rows(photos: Sequence[Photo], images: ImageRows) -> TrainingRows:
    """Decisions framed as serving frames them; without masks, because there are none."""
    count = len(photos)
    return TrainingRows(
        images=images,
        masks=np.broadcast_to(np.uint8(0), (count, MASK, MASK)),
        label=np.array([p.label == "fake" for p in photos], np.float32),
        made=np.zeros(count, bool),
        index=np.arange(count),
        kind=np.array(["decision"] * count),
        masked=np.zeros(count, bool),
        difficulty=np.ones(count, np.float32),
        strength=np.zeros(count, np.float32),
        post=np.array(["none"] * count),
    )


def class_counts(label: np.ndarray) -> dict[str, int]:
    """label: (N,) with 0 for real and 1 for fake -> the number of each."""
    return {"real": int((label == 0).sum()), "fake": int((label == 1).sum())}
