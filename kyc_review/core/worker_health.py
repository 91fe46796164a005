"""A file whose age says whether a worker still does anything, for the health checks of containers.

A question by message (`celery inspect ping`) is answered by an idle worker only: one that works off a backlog in its
main thread would be killed for being busy. So Celery's heartbeat touches the file while a worker is idle, and each unit
of work does while it is not.
"""

import logging
import time
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)
EVERY_S = 5

_touched = float("-inf")


def alive() -> None:
    """Say that this worker does its work; call it once for each unit of it. Costs nothing when called often."""
    global _touched
    if not settings.WORKER_HEALTH_FILE or time.monotonic() - _touched < EVERY_S:
        return
    _touched = time.monotonic()
    try:
        Path(settings.WORKER_HEALTH_FILE).touch()
    except OSError as error:
        log.warning("WORKER_HEALTH_FILE cannot be touched: %s", error)
