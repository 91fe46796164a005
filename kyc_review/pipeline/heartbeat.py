"""A scoring worker says that it lives, and what keeps it from scoring: the probes tell at once when none can score.

The process that runs Celery says so from threads of its own, so that a long batch does not look like death. The
processes that it forks know its name and note their problems under it. What looks at the storage, the keys and the
bundle has a thread apart: a store that is silent must not silence the heartbeat.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, close_old_connections, connection
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from kyc_review.core.db.clock import clock_check
from kyc_review.core.error_texts import told
from kyc_review.core.leases import process_holder
from kyc_review.encryption.keys import require_encryption
from kyc_review.encryption.shared_secrets import SECRET_KEY, secrets_check
from kyc_review.registry.bundle_files import bundle_find
from kyc_review.registry.selectors import champion
from kyc_review.scoring.models import ScoringWorker
from kyc_review.scoring.state import HEARTBEAT_S
from kyc_review.submissions.storage_identity import storage_identity_check

log = logging.getLogger(__name__)
FORGOTTEN_AFTER = timedelta(hours=1)
# A look that takes longer than the time-outs of an object storage or of a key service is a problem, too: a network
# folder can hang without limit.
SILENCE_S = 15
# What a worker needs to read pictures, by the name of the problem.
NEEDS: dict[str, Callable[[], None]] = {"storage": storage_identity_check, "keys": require_encryption}
BUNDLE = "bundle"
SECRETS = "secrets"
_name = ""
_stop = threading.Event()
# How long the end of a worker waits for a beat in work, which would say afterwards that the worker lives.
BEAT_ENDS_WITHIN_S = 5.0
_beating: threading.Thread | None = None
# Said before the first beat has made this worker's row, or after the row was forgotten.
_engine_refused = ""
# What is looked at now, and since when by the monotonic clock.
_looking: tuple[str, float] | None = None


class PicturesUnreadable(Exception):
    """This process can read or score no picture now, so it must take no work; noted as its problem already."""


def heartbeat_begin() -> None:
    """Name this process as a scoring worker; before it forks."""
    global _name
    _name = process_holder()


def heartbeat_start() -> list[threading.Thread]:
    """Say every HEARTBEAT_S that this worker lives and what it lacks, from daemon threads, until `heartbeat_stop`."""
    global _beating
    _stop.clear()
    threads = [
        threading.Thread(target=_until_stopped, args=(work,), name=work.__name__, daemon=True)
        for work in (beat, look)
    ]
    _beating = threads[0]
    for thread in threads:
        thread.start()
    return threads


def heartbeat_stop() -> None:
    """Say that this worker has ended; one that is killed is missed after SILENT_AFTER_S."""
    _stop.set()
    if _beating is not None:
        _beating.join(BEAT_ENDS_WITHIN_S)
    try:
        ScoringWorker.objects.filter(pk=_name).delete()
    except DatabaseError as error:
        log.warning("The end of this worker was not recorded: %s", error)


def beat() -> None:
    """Say once that this worker lives, whether its clock is right, and whether a look takes too long."""
    # With each beat: a refusal that was noted while the row was being made would be lost.
    refused = {"engine_refused": _engine_refused} if _engine_refused else {}
    if not ScoringWorker.objects.filter(pk=_name).update(seen_at=Now(), **refused):
        ScoringWorker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
        ScoringWorker.objects.get_or_create(pk=_name, defaults=refused)
    if (looking := _looking) and (silence_s := time.monotonic() - looking[1]) > SILENCE_S:
        _problem(f"{looking[0]}: no answer for {silence_s:.0f} s")
    with problems_noted("clock"):
        clock_check()


def look() -> None:
    """Note once what this worker lacks to read and score pictures, or has otherwise than other processes.

    Raises PicturesUnreadable.
    """
    global _looking
    try:
        for need, check in (NEEDS | {BUNDLE: _bundle_find, SECRETS: _secret_key_check}).items():
            _looking = need, time.monotonic()
            _require(need, check)
    finally:
        _looking = None


def pictures_require() -> None:
    """Before work is taken that reads pictures. Raises PicturesUnreadable, and DatabaseError."""
    for need, check in NEEDS.items():
        _require(need, check)


def bundle_require() -> None:
    """Before an ensemble is loaded. Raises PicturesUnreadable, and DatabaseError."""
    _require(BUNDLE, _bundle_find)


def _bundle_find() -> None:
    """Nothing is wrong without a bundle in production, nor once one was loaded: the worker goes on with it.

    Raises BundleRefused.
    """
    from kyc_review.pipeline.champion import is_loaded  # which imports this module

    if not is_loaded() and (bundle := champion()) is not None:
        bundle_find(bundle)


def _secret_key_check() -> None:
    """It is no reason to take no work, for votes need no secret. Raises SecretDiffers."""
    secrets_check([SECRET_KEY])


def _require(need: str, check: Callable[[], None]) -> None:
    try:
        with problems_noted(need):
            check()
    except DatabaseError:
        raise
    except Exception as error:  # whatever a storage or a key service raises
        raise PicturesUnreadable(f"{need}: {told(error)}") from error


@contextmanager
def problems_noted(work: str) -> Iterator[None]:
    """Note the error that ends the block as this worker's problem; when the block succeeds, that the work has none.

    `work`: what the block is about; success with one kind of work says nothing of another.
    """
    try:
        yield
    except PicturesUnreadable:
        raise
    except Exception as error:
        _problem(f"{work}: {told(error)}")
        raise
    if _name:
        solved = ScoringWorker.objects.filter(pk=_name, problem__startswith=f"{work}: ")
        solved.update(problem="", problem_since=None)


def engine_refused(reason: str) -> None:
    """Note that ONNX Runtime is not used although the settings name it, and why; torch scores instead."""
    global _engine_refused
    log.error("torch scores instead of ONNX Runtime: %s", reason)
    _engine_refused = reason[:300]
    if _name:
        # Only scoring workers have rows: an evidence worker, which loads models too, must not look like one.
        ScoringWorker.objects.filter(pk=_name).update(engine_refused=_engine_refused)


def _problem(text: str) -> None:
    if not _name:  # called outside of a Celery worker
        return
    try:
        since = Coalesce(F("problem_since"), Now())
        ScoringWorker.objects.filter(pk=_name).update(problem=text[:300], problem_since=since)
    except DatabaseError as error:
        log.warning("This worker's problem was not recorded: %s", error)


def _until_stopped(work: Callable[[], None]) -> None:
    """No error ends it: a heartbeat that ended would say for good that a worker which scores is dead."""
    while not _stop.is_set():
        try:
            close_old_connections()
            work()
        except Exception as error:
            log.warning("This worker's %s failed: %s", work.__name__, told(error))
        _stop.wait(HEARTBEAT_S)
    connection.close()
