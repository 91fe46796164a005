"""The ensemble's votes on one leased batch."""

import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from detection.ensemble import Ensemble
from detection.voting import Vote
from kyc_review.pipeline.reading import Picture
from kyc_review.submissions.models import Submission

log = logging.getLogger(__name__)

# One thread: torch uses every core by itself, and the worker's own thread is left to the database.
scorer = ThreadPoolExecutor(1, "scorer")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: the votes on what could be read and scored, the errors of the rest."""

    ensemble: Ensemble
    votes: dict[uuid.UUID, tuple[Vote, ...]]
    pictures: dict[uuid.UUID, Picture]
    errors: dict[uuid.UUID, str]
    elapsed_ms: float


def score(ensemble: Ensemble, batch: list[Submission], reading: list[Future[Picture]]) -> Outcome:
    """Score one leased batch; raises nothing, for every image must get either votes or an error."""
    started = time.perf_counter()
    pictures: dict[uuid.UUID, Picture] = {}
    errors: dict[uuid.UUID, str] = {}
    for row, future in zip(batch, reading, strict=True):
        try:
            pictures[row.pk] = future.result()
        except Exception as error:  # a person decides in the end, whatever the reason
            log.exception("submission %s cannot be decoded", row.pk)
            errors[row.pk] = f"{type(error).__name__}: {error}"
    votes: dict[uuid.UUID, tuple[Vote, ...]] = {}
    try:
        scored = ensemble.score([picture.image for picture in pictures.values()])
        votes = dict(zip(pictures, scored, strict=True))
    except Exception as error:
        log.exception("a batch of %d failed", len(pictures))
        errors |= dict.fromkeys(pictures, f"{type(error).__name__}: {error}")
    return Outcome(ensemble, votes, pictures, errors, (time.perf_counter() - started) * 1000 / len(batch))
