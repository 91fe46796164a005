"""The scoring worker's loop: lease, read and check, score, route, until nothing is due."""

import logging
import time
import uuid
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, wait
from functools import partial

from django.conf import settings
from django.db import Error

from detection.memory import give_back_freed
from kyc_review.core import leases, tracing
from kyc_review.core.db.passing import passes, retried
from kyc_review.core.error_texts import told
from kyc_review.core.instruments import Step, timed
from kyc_review.core.stopping import is_stopping
from kyc_review.core.wake import SCORING
from kyc_review.core.worker_health import alive
from kyc_review.pipeline.canary import SAMPLE, canary_record
from kyc_review.pipeline.champion import is_loaded, serving_ensemble
from kyc_review.pipeline.heartbeat import PicturesUnreadable, bundle_require, pictures_require
from kyc_review.pipeline.reading import bytes_moved, picture_of, read_ahead
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.scoring import Outcome, score, scorer, vote
from kyc_review.pipeline.shadowing import shadow_some
from kyc_review.pipeline.standstill import standstill_take_back
from kyc_review.pipeline.submission_leases import (
    lease_batch,
    lease_fail,
    lease_postpone,
    leases_end_of_dead,
    leases_renew,
    leases_return,
)
from kyc_review.registry.approval import NotApproved

log = logging.getLogger(__name__)
HOLDER = leases.process_holder()
BATCHES_AHEAD = 2
# A run was broken off by a database that was away, so that its leases could not be given back then.
_broken_off = False


def run_until_idle() -> int:
    """Score until nothing is due; returns the number of submissions that got an outcome.

    While one batch is scored the next is leased and decoded, and the one before is recorded: no core waits for the
    database. Only this thread speaks to it. A worker that is told to stop finishes the batch that is being scored and
    gives the other back. What the database was away for is no attempt: the next run gives it back. A worker that cannot
    read pictures, or has no files of the champion, takes none. Raises PicturesUnreadable, NotApproved, and errors of
    the database.
    """
    global _broken_off
    SCORING.acknowledge()
    pictures_require()
    bundle_require()
    if not is_loaded():  # the first run of this process
        leases_end_of_dead(holder=HOLDER)
    if _broken_off:
        leases_return(holder=HOLDER)
    try:
        done, _broken_off = _score_all(), False
    except (NotApproved, PicturesUnreadable):
        leases_return(holder=HOLDER)  # also of what was being scored: it waits for a cure, or for people
        raise
    except Error as error:
        _broken_off = passes(error)
        raise
    if done >= settings.SCORING_BATCH_MAX:  # after few there is little to give back
        give_back_freed()
    return done


def _score_all() -> int:
    done = 0
    in_work: deque[Future[Outcome]] = deque()
    while not is_stopping():
        ensemble = serving_ensemble()
        if is_stopping():  # loading may take long
            break
        if batch := lease_batch(holder=HOLDER, limit=settings.SCORING_BATCH_MAX):
            in_work.append(
                scorer.submit(score, ensemble, batch, read_ahead(batch), asks_auxiliary_models=True)
            )
        elif not in_work and not standstill_take_back() and not shadow_some():
            return done
        if in_work and (len(in_work) == BATCHES_AHEAD or not batch):
            outcome = _result(in_work.popleft())
            done += record(outcome)
            if outcome.missing:  # of all, or of these alone?
                pictures_require()
    done += sum(record(_result(future)) for future in in_work if not future.cancel())
    leases_return(holder=HOLDER)
    return done


def _result(scoring: Future[Outcome]) -> Outcome:
    """Waits for it; while pictures arrive from their storage, the leases of this worker are renewed."""
    while True:
        bytes_moved.clear()
        if wait([scoring], settings.SCORING_LEASE_S / 3).done:
            return scoring.result()
        if bytes_moved.is_set():
            leases_renew(holder=HOLDER)


def record(outcome: Outcome) -> int:
    """Store outcomes and give failed images back, each alone; returns the number of outcomes."""
    try:
        return retried(partial(_record, outcome))
    finally:
        for pk, parent in outcome.traceparents.items():
            tracing.span_record(
                "scoring",
                parent=parent,
                began_ns=outcome.began_ns,
                failed=pk in outcome.errors or pk in outcome.missing,
                attributes={"kyc.batch_size": len(outcome.traceparents)},
            )


def _record(outcome: Outcome) -> int:
    lease_postpone(holder=HOLDER, submission_ids=outcome.missing)
    alive()
    for pk, error in outcome.errors.items():
        lease_fail(holder=HOLDER, submission_id=pk, error=error)
    scored = {
        pk: Scored(
            votes=outcome.votes.get(pk, ()),
            elapsed_ms=outcome.elapsed_ms,
            fingerprint=picture.fingerprint,
            close_ups=picture.close_ups,
            checks=picture.report.checks,
            alarm=outcome.alarms.get(pk),
        )
        for pk, picture in outcome.pictures.items()
        if pk not in outcome.errors
    }
    if not scored:
        return 0
    try:
        return _store(outcome, scored)
    except Exception as error:
        if passes(error):
            raise  # nothing can be noted now
        log.exception(
            "the outcomes of %d submissions cannot be stored together; each is tried alone", len(scored)
        )
    return sum(_store_alone(outcome, pk, one) for pk, one in scored.items())


def _store(outcome: Outcome, scored: Mapping[uuid.UUID, Scored]) -> int:
    with timed(Step.RECORD):
        return verdicts_record(
            holder=HOLDER,
            bundle_version=outcome.ensemble.version,
            bundle_digest=outcome.ensemble.digest,
            shift=outcome.ensemble.shift,
            scored=scored,
        )


def _store_alone(outcome: Outcome, pk: uuid.UUID, scored: Scored) -> int:
    """An outcome that cannot be stored counts as a failed attempt: after the last one a person decides."""
    try:
        return _store(outcome, {pk: scored})
    except Exception as error:
        if passes(error):
            raise
        with tracing.logged(outcome.traceparents[pk]):
            log.exception("the outcome of submission %s cannot be stored", pk)
        lease_fail(holder=HOLDER, submission_id=pk, error=told(error))
        return 0


def score_canary() -> None:
    """The shipped sample goes the way of a selfie, checks included. Raises what goes wrong: then nothing is noted."""
    bundle_require()
    ensemble, started = serving_ensemble(), time.perf_counter()
    picture = picture_of(SAMPLE.read_bytes())
    if not picture.report.faces:
        raise RuntimeError("No face is found in the sample that ships; the face detector does not work.")
    scorer.submit(vote, ensemble, [picture]).result()
    canary_record(
        bundle_version=ensemble.version, elapsed_ms=round((time.perf_counter() - started) * 1000, 1)
    )
