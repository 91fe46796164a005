"""A scoring worker says that it lives, and whether its latest run failed: the probes tell at once when none can score.

The process that runs Celery says so from a thread of its own, so that a long batch does not look like death. The
processes that it forks know its name and note their problems under it.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.db import DatabaseError, close_old_connections, connection
from django.db.models.functions import Now

from kyc_review.core.db.clock import ClockWrong, clock_check
from kyc_review.core.error_texts import told
from kyc_review.core.leases import process_holder
from kyc_review.scoring.models import ScoringWorker
from kyc_review.scoring.state import HEARTBEAT_S
from kyc_review.submissions.storage_identity import WrongStorage, storage_identity_check

log = logging.getLogger(__name__)
FORGOTTEN_AFTER = timedelta(hours=1)
_name = ""
_stop = threading.Event()


def heartbeat_begin() -> None:
    """Name this process as a scoring worker; before it forks."""
    global _name
    _name = process_holder()


def heartbeat_start() -> None:
    """Say every HEARTBEAT_S that this worker lives, from a daemon thread, until `heartbeat_stop`."""
    _stop.clear()
    threading.Thread(target=_beat_until_stopped, name="heartbeat", daemon=True).start()


def heartbeat_stop() -> None:
    """Say that this worker has ended; one that is killed is missed after SILENT_AFTER_S."""
    _stop.set()
    try:
        ScoringWorker.objects.filter(pk=_name).delete()
    except DatabaseError as error:
        log.warning("The end of this worker was not recorded: %s", error)


def beat() -> None:
    """Say it once."""
    if not ScoringWorker.objects.filter(pk=_name).update(seen_at=Now()):
        ScoringWorker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
        ScoringWorker.objects.get_or_create(pk=_name)
    with suppress(ClockWrong), problems_noted("clock"):
        clock_check()
    with suppress(WrongStorage), problems_noted("storage"):
        storage_identity_check()


@contextmanager
def problems_noted(work: str) -> Iterator[None]:
    """Note the error that ends the block as this worker's problem; when the block succeeds, that the work has none.

    `work`: what the block is about; success with one kind of work says nothing of another.
    """
    try:
        yield
    except Exception as error:
        _problem(f"{work}: {told(error)}"[:300])
        raise
    if _name:
        solved = ScoringWorker.objects.filter(pk=_name, problem__startswith=f"{work}: ")
        solved.update(problem="", problem_since=None)


def engine_refused(reason: str) -> None:
    """Note that ONNX Runtime is not used although the settings name it, and why; torch scores instead."""
    log.error("torch scores instead of ONNX Runtime: %s", reason)
    if _name:
        ScoringWorker.objects.update_or_create(pk=_name, defaults={"engine_refused": reason[:300]})


def _problem(text: str) -> None:
    if not _name:  # called outside of a Celery worker
        return
    try:
        row = ScoringWorker.objects.filter(pk=_name)
        row.filter(problem="").update(problem_since=Now(), problem=text)
        row.update(problem=text)
    except DatabaseError as error:
        log.warning("This worker's problem was not recorded: %s", error)


def _beat_until_stopped() -> None:
    while not _stop.is_set():
        try:
            close_old_connections()
            beat()
        except DatabaseError as error:
            log.warning("This worker's heartbeat failed: %s", error)
        _stop.wait(HEARTBEAT_S)
    connection.close()
