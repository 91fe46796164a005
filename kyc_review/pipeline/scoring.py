"""The ensemble's votes on one leased batch, as far as the checks let its pictures be voted on."""

import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings

from detection.auxiliary_alarm import AuxiliaryAlarm
from detection.voters import Voters
from detection.voting import Vote, decide
from kyc_review.core import tracing
from kyc_review.core.error_texts import told
from kyc_review.core.instruments import Step, step_ended
from kyc_review.pipeline import auxiliary_models
from kyc_review.pipeline.reading import Picture
from kyc_review.pipeline.routing import clears_unless_alarmed, judgement_of
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import OriginalMissing

log = logging.getLogger(__name__)

# One thread: torch uses every core by itself, and the worker's own thread is left to the database.
scorer = ThreadPoolExecutor(1, "scorer")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: every picture that was read, the votes as far as there were any, the errors of the rest,
    and those whose originals are missing.

    A picture has neither votes nor an error when its checks send it back, or when no face was found for members that
    look at one.
    """

    ensemble: Voters
    votes: dict[uuid.UUID, tuple[Vote, ...]]
    alarms: dict[uuid.UUID, AuxiliaryAlarm]
    pictures: dict[uuid.UUID, Picture]
    errors: dict[uuid.UUID, str]
    missing: list[uuid.UUID]
    elapsed_ms: float
    began_ns: int  # time.time_ns()
    traceparents: dict[uuid.UUID, str]


def score(
    ensemble: Voters,
    batch: list[Submission],
    reading: list[Future[Picture]],
    *,
    asks_auxiliary_models: bool = False,
) -> Outcome:
    """Score one leased batch; raises nothing, for every image must get an outcome or an error.

    asks_auxiliary_models: about what would be cleared; a candidate's votes clear nothing, so nothing is asked then.
    """
    started, began_ns = time.perf_counter(), time.time_ns()
    traceparents = {row.pk: row.traceparent for row in batch}
    pictures: dict[uuid.UUID, Picture] = {}
    errors: dict[uuid.UUID, str] = {}
    missing: list[uuid.UUID] = []
    for row, future in zip(batch, reading, strict=True):
        try:
            pictures[row.pk] = future.result()
        except OriginalMissing:
            missing.append(row.pk)
        except Exception as error:  # a person decides in the end, whatever the reason
            with tracing.logged(row.traceparent):
                log.exception("submission %s cannot be read", row.pk)
            errors[row.pk] = told(error)
    unread = len(errors)
    voting_since = time.perf_counter()
    voted_on = [pk for pk, picture in pictures.items() if is_voted_on(ensemble, picture)]
    votes: dict[uuid.UUID, tuple[Vote, ...]] = {}
    try:
        votes = dict(zip(voted_on, vote(ensemble, [pictures[pk] for pk in voted_on]), strict=True))
    except Exception as error:
        log.exception("a batch of %d failed", len(voted_on))
        errors |= dict.fromkeys(voted_on, told(error))
    alarms: dict[uuid.UUID, AuxiliaryAlarm] = {}
    asked = votes if asks_auxiliary_models and settings.AUXILIARY_REVIEW else {}
    for pk in [pk for pk, cast in asked.items() if _is_about_to_clear(cast, pictures[pk])]:
        try:
            picture = pictures[pk]
            if alarm := auxiliary_models.alarm(picture.image, picture.report.frame, picture.cells):
                alarms[pk] = alarm
        except Exception as error:  # it is not cleared without the answer
            with tracing.logged(traceparents[pk]):
                log.exception("the auxiliary models cannot judge submission %s", pk)
            errors[pk] = told(error)
    step_ended(Step.VOTE, time.perf_counter() - voting_since, failures=len(errors) - unread)
    return Outcome(
        ensemble,
        votes,
        alarms,
        pictures,
        errors,
        missing,
        (time.perf_counter() - started) * 1000 / len(batch),
        began_ns,
        traceparents,
    )


def _is_about_to_clear(votes: tuple[Vote, ...], picture: Picture) -> bool:
    return clears_unless_alarmed(decide(votes), judgement_of(picture.report.checks))


def vote(ensemble: Voters, pictures: list[Picture]) -> list[tuple[Vote, ...]]:
    """Five votes on each picture. Raises ValueError when a model gives no number."""
    images = [picture.image for picture in pictures]
    frames = [picture.report.frame for picture in pictures]
    return ensemble.score(images, frames, [picture.cells for picture in pictures])


def is_voted_on(ensemble: Voters, picture: Picture) -> bool:
    """Whether the ensemble can vote and its votes can matter: not when the checks send the picture back."""
    if ensemble.bundle.sees_faces and picture.report.frame is None:
        return False
    return not judgement_of(picture.report.checks).is_sent_back
