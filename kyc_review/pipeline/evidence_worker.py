"""The evidence worker: lease one picture, examine it, keep what was found, until none is due.

It runs in a process of its own at low priority, so that a picture that breaks a forensic view can neither
stop nor slow the verdicts.
"""

import logging
import time
from functools import partial

from django.conf import settings
from django.db import Error

from detection.bundle import BundleRefused
from detection.ensemble import Ensemble
from detection.forensics.dossier import dossier_compute
from kyc_review.core import leases, tracing
from kyc_review.core.db.passing import passes, retried
from kyc_review.core.error_texts import told
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.instruments import Step, step_ended
from kyc_review.core.stopping import is_stopping
from kyc_review.core.transfers import every, kept_alive
from kyc_review.core.worker_health import alive
from kyc_review.encryption.problems import KeysUnavailable
from kyc_review.evidence.derivatives import derivative_ensure
from kyc_review.evidence.models import Evidence
from kyc_review.evidence.services import (
    evidence_fail,
    evidence_lease,
    evidence_lease_renew,
    evidence_postpone,
    evidence_record,
    evidence_return,
)
from kyc_review.pipeline import auxiliary_models
from kyc_review.pipeline.champion import load_with_torch
from kyc_review.pipeline.heartbeat import pictures_require
from kyc_review.pipeline.submission_leases import is_busy
from kyc_review.registry.approval import NotApproved, require_approved
from kyc_review.registry.selectors import serving_promotion
from kyc_review.submissions.storage import OriginalMissing, original_read

log = logging.getLogger(__name__)
LOOK_AGAIN_S = 0.1
HOLDER = leases.process_holder()
# A run was broken off by a database that was away, so that its lease could not be given back then.
_broken_off = False

_serving: Ensemble | None = None
_approved: int | None = None  # the promotion that was found approved; its row is written once


def run_until_idle() -> int:
    """Examine until nothing is due; returns how many became ready. An error costs one attempt of one row.

    A database that was away costs none: the next run gives back what this one held. Raises PicturesUnreadable.
    """
    global _broken_off
    pictures_require()
    if _broken_off:
        evidence_return(holder=HOLDER)
    try:
        done, _broken_off = _examine_all(), False
    except Error as error:
        _broken_off = passes(error)
        raise
    return done


def _examine_all() -> int:
    done = 0
    while not is_stopping():
        alive()
        until = time.monotonic() + settings.EVIDENCE_PATIENCE_S
        give_way(until)
        if (row := evidence_lease(holder=HOLDER)) is None:
            break
        renew = partial(evidence_lease_renew, evidence=row)
        with kept_alive(every(settings.EVIDENCE_LEASE_S / 3, renew)):
            done += _examine(row, until)
    return done


def _examine(row: Evidence, until: float) -> int:
    """Whether it became ready: 1 or 0. until: how long it gives way, by the monotonic clock."""
    started = time.perf_counter()
    make_display_picture(row)
    try:
        with tracing.span("evidence", kind=tracing.Kind.CONSUMER, parent=row.submission.traceparent):
            dossier = dossier_compute(
                original_read(row.submission.image_key),
                ensemble=ensemble(),
                auxiliary_models=auxiliary_models.loaded(),
                between=partial(give_way, until),
            )
        elapsed_ms = (time.perf_counter() - started) * 1000
        step_ended(Step.EVIDENCE, elapsed_ms / 1000)
        record = partial(evidence_record, evidence=row, dossier=dossier, elapsed_ms=elapsed_ms)
        return int(retried(record))
    except (OriginalMissing, KeysUnavailable, StorageUnavailable) as missing:
        log.error(
            "pictures of submission %s are missing, or cannot be decrypted or stored: %s",
            row.submission_id,
            missing,
        )
        evidence_postpone(evidence=row)
        step_ended(Step.EVIDENCE, time.perf_counter() - started, failures=1)
        pictures_require()
    except Exception as error:  # whatever it is, the reviewer decides without this evidence
        if passes(error):
            raise
        with tracing.logged(row.submission.traceparent):
            log.exception("evidence of submission %s cannot be computed", row.submission_id)
        step_ended(Step.EVIDENCE, time.perf_counter() - started, failures=1)
        evidence_fail(evidence=row, error=told(error))
    return 0


def make_display_picture(row: Evidence) -> None:
    """Before anyone looks: an item whose picture is there already, because people saw it long ago, must not be the only
    one that loads quickly."""
    try:
        derivative_ensure(row.submission)
    except Exception as error:  # the reviewer's page makes it, or says why it cannot
        log.warning("no display picture of submission %s yet: %s", row.submission_id, error)


def give_way(until: float) -> None:
    """Wait while selfies wait for their verdicts, up to a moment of the monotonic clock: a reviewer may wait, too."""
    while time.monotonic() < until and is_busy() and not is_stopping():
        alive()
        time.sleep(LOOK_AGAIN_S)


def ensemble() -> Ensemble | None:
    """The champion, whose attention is shown; None while there is none that is approved and can be loaded."""
    global _serving, _approved
    promotion = serving_promotion()
    if promotion is None:
        return None
    if promotion.pk != _approved:
        try:
            require_approved(promotion)
        except NotApproved as refusal:
            log.error("no attention view: %s", refusal)
            return None
        _approved = promotion.pk
    bundle = promotion.bundle
    if _serving is None or _serving.digest != bundle.digest:
        try:
            # One lane: a reviewer's wait is shorter than the harm of taking the scoring worker's cores.
            _serving = load_with_torch(bundle, threads=1)
        except BundleRefused as refusal:
            log.error("no attention view: the champion cannot be loaded: %s", refusal)
            return None
    return _serving
