"""The scoring worker: lease, decode, score, record, until nothing is due."""

import logging
import os
import socket
import time
import uuid
from pathlib import Path

from django.conf import settings
from PIL import Image

from detection.bundle import BundleRefused
from detection.ensemble import Ensemble
from detection.image import decode
from kyc_review.retraining.selectors import champion
from kyc_review.scoring.leases import lease_batch, lease_fail, leases_end_of_dead
from kyc_review.scoring.nudge import acknowledge
from kyc_review.scoring.routing import Scored, verdicts_record
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals

log = logging.getLogger(__name__)
HOLDER = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

DECODE_MAX_SIDE = 2048

_serving: Ensemble | None = None


def serving() -> Ensemble:
    """The champion, loaded once and exchanged between two batches when another is promoted."""
    global _serving
    bundle = champion()
    if bundle is None:
        raise RuntimeError("No bundle is promoted; run `manage.py prepare` or `manage.py bundle promote`.")
    if _serving is not None and _serving.digest == bundle.digest:
        return _serving
    try:
        _serving = Ensemble.load(
            Path(bundle.directory), device=settings.SCORING_DEVICE, threads=settings.SCORING_THREADS or None
        )
    except BundleRefused as refusal:
        if _serving is None:
            raise
        # Going on with the bundle before it beats a standstill; every verdict names the bundle that gave it.
        log.error("serving %s on: the champion cannot be loaded: %s", _serving.version, refusal)
        return _serving
    log.info("serving bundle %s (%s)", bundle.version, bundle.digest[:12])
    return _serving


def run_until_idle() -> int:
    """Score until nothing is due; returns the number of verdicts recorded."""
    acknowledge()
    if not _serving:  # the first run of this process
        leases_end_of_dead(holder=HOLDER)
    done = 0
    ensemble = serving()
    while batch := lease_batch(holder=HOLDER, limit=settings.SCORING_BATCH_MAX):
        done += score(ensemble, batch)
        ensemble = serving()
    return done


def score(ensemble: Ensemble, batch: list[Submission]) -> int:
    """Score one leased batch; an image that fails is given back alone."""
    started = time.perf_counter()
    rows, images = [], []
    for row in batch:
        try:
            images.append(read(row))
            rows.append(row)
        except Exception as error:  # a person decides in the end, whatever the reason
            log.exception("submission %s cannot be decoded", row.pk)
            lease_fail(holder=HOLDER, submission_id=row.pk, error=f"{type(error).__name__}: {error}")
    if not rows:
        return 0
    try:
        votes = ensemble.score(images)
    except Exception as error:
        log.exception("a batch of %d failed", len(rows))
        for row in rows:
            lease_fail(holder=HOLDER, submission_id=row.pk, error=f"{type(error).__name__}: {error}")
        return 0
    elapsed_ms = (time.perf_counter() - started) * 1000 / len(rows)
    return verdicts_record(
        holder=HOLDER,
        bundle_version=ensemble.version,
        bundle_digest=ensemble.digest,
        scored={
            row.pk: Scored(votes=five, elapsed_ms=elapsed_ms) for row, five in zip(rows, votes, strict=True)
        },
    )


def read(row: Submission) -> Image.Image:
    """The original as upright RGB. Only absurdly large ones are reduced: pixels are the evidence."""
    with originals.open(row.image_key) as file:
        return decode(file.read(), max_side=DECODE_MAX_SIDE)
