"""The scoring worker: lease, decode, score, record, until nothing is due."""

import logging
import os
import socket
import time
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from PIL import Image

from detection.bundle import BundleRefused
from detection.decoding import decode
from detection.ensemble import Ensemble
from detection.forensics.phash import Fingerprint, fingerprint
from detection.voting import Vote
from kyc_review.retraining.selectors import serving_promotion
from kyc_review.retraining.shadows import shadow_batch, shadow_now, shadow_record
from kyc_review.scoring.canary import SAMPLE, canary_record
from kyc_review.scoring.leases import lease_batch, lease_fail, leases_end_of_dead
from kyc_review.scoring.nudge import acknowledge
from kyc_review.scoring.routing import Scored, verdicts_record
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals

log = logging.getLogger(__name__)
HOLDER = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

DECODE_MAX_SIDE = 2048
BATCHES_AHEAD = 2
SHADOW_BATCH = 8  # so few that a selfie which arrives meanwhile hardly waits

# Decoders beside the scorer: Pillow lets other threads run while it decodes.
_readers = ThreadPoolExecutor(2, "reader")
_scorer = ThreadPoolExecutor(1, "scorer")

_serving: Ensemble | None = None
_shadow: Ensemble | None = None


def serving() -> Ensemble:
    """The champion, loaded once and exchanged between two batches when another is promoted."""
    global _serving
    promotion = serving_promotion()
    if promotion is None:
        raise RuntimeError("No bundle is promoted; run `manage.py prepare` or `manage.py bundle promote`.")
    bundle = promotion.bundle
    if _serving is not None and (_serving.digest, _serving.shift) == (bundle.digest, promotion.shift):
        return _serving
    try:
        _serving = Ensemble.load(
            Path(bundle.directory),
            device=settings.SCORING_DEVICE,
            threads=settings.SCORING_THREADS or None,
            shift=promotion.shift,
        )
    except BundleRefused as refusal:
        if _serving is None:
            raise
        # Going on with the bundle before it beats a standstill; every verdict names the bundle that gave it.
        log.error("serving %s on: the champion cannot be loaded: %s", _serving.version, refusal)
        return _serving
    log.info("serving bundle %s (%s)", bundle.version, bundle.digest[:12])
    return _serving


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: the votes on what could be read and scored, the errors of the rest."""

    ensemble: Ensemble
    votes: dict[uuid.UUID, tuple[Vote, ...]]
    fingerprints: dict[uuid.UUID, Fingerprint]
    errors: dict[uuid.UUID, str]
    elapsed_ms: float


def run_until_idle() -> int:
    """Score until nothing is due; returns the number of verdicts recorded.

    While one batch is scored the next is leased and decoded, and the one before is recorded: no core waits for the
    database. Only this thread speaks to it.
    """
    acknowledge()
    if not _serving:  # the first run of this process
        leases_end_of_dead(holder=HOLDER)
    done = 0
    in_work: deque[Future[Outcome]] = deque()
    while True:
        ensemble = serving()
        if batch := lease_batch(holder=HOLDER, limit=settings.SCORING_BATCH_MAX):
            reading = [_readers.submit(read, row) for row in batch]
            in_work.append(_scorer.submit(score, ensemble, batch, reading))
        elif not in_work and not shadow_some():
            return done
        if in_work and (len(in_work) == BATCHES_AHEAD or not batch):
            done += record(in_work.popleft().result())


def shadow_some() -> bool:
    """Let the shadow, if there is one, judge a few of those that have their verdict; False when none is left.

    Raises nothing, whatever is wrong with it: verdicts do not depend on it.
    """
    global _shadow
    try:
        row = shadow_now()
        batch = shadow_batch(row, limit=SHADOW_BATCH) if row else []
        if row is None or not batch:
            _shadow = _shadow if row else None
            return False
        if _shadow is None or _shadow.digest != row.bundle.digest:
            _shadow = Ensemble.load(
                Path(row.bundle.directory),
                device=settings.SCORING_DEVICE,
                threads=settings.SCORING_THREADS or None,
            )
        outcome = score(_shadow, batch, [_readers.submit(read, submission) for submission in batch])
        if outcome.errors and not outcome.votes:
            raise RuntimeError(f"it scored none of {len(batch)}")
        shadow_record(row, {submission.pk: outcome.votes.get(submission.pk) for submission in batch})
    except Exception:
        log.exception("the shadow failed; verdicts do not depend on it")
        return False
    return True


def score_canary() -> None:
    """The shipped sample goes the way of a selfie. Raises what goes wrong: then nothing is noted."""
    ensemble, started = serving(), time.perf_counter()
    image = decode(SAMPLE.read_bytes(), max_side=DECODE_MAX_SIDE)
    _scorer.submit(ensemble.score, [image]).result()
    canary_record(
        bundle_version=ensemble.version, elapsed_ms=round((time.perf_counter() - started) * 1000, 1)
    )


def read(row: Submission) -> tuple[Image.Image, Fingerprint]:
    """Upright RGB, and what finds it again. Only absurdly large ones are reduced: pixels are the evidence."""
    with originals.open(row.image_key) as file:
        image = decode(file.read(), max_side=DECODE_MAX_SIDE)
    return image, fingerprint(image)


def score(
    ensemble: Ensemble, batch: list[Submission], reading: list[Future[tuple[Image.Image, Fingerprint]]]
) -> Outcome:
    """Score one leased batch; raises nothing, for every image must get either votes or an error."""
    started = time.perf_counter()
    images: dict[uuid.UUID, Image.Image] = {}
    prints: dict[uuid.UUID, Fingerprint] = {}
    errors: dict[uuid.UUID, str] = {}
    for row, future in zip(batch, reading, strict=True):
        try:
            images[row.pk], prints[row.pk] = future.result()
        except Exception as error:  # a person decides in the end, whatever the reason
            log.exception("submission %s cannot be decoded", row.pk)
            errors[row.pk] = f"{type(error).__name__}: {error}"
    votes: dict[uuid.UUID, tuple[Vote, ...]] = {}
    try:
        votes = dict(zip(images, ensemble.score(list(images.values())), strict=True))
    except Exception as error:
        log.exception("a batch of %d failed", len(images))
        errors |= dict.fromkeys(images, f"{type(error).__name__}: {error}")
    return Outcome(ensemble, votes, prints, errors, (time.perf_counter() - started) * 1000 / len(batch))


def record(outcome: Outcome) -> int:
    """Store verdicts and give failed images back, each alone; returns the number of verdicts."""
    for pk, error in outcome.errors.items():
        lease_fail(holder=HOLDER, submission_id=pk, error=error)
    return verdicts_record(
        holder=HOLDER,
        bundle_version=outcome.ensemble.version,
        bundle_digest=outcome.ensemble.digest,
        scored={
            pk: Scored(votes, outcome.elapsed_ms, outcome.fingerprints[pk])
            for pk, votes in outcome.votes.items()
        },
    )
