"""Telling the scoring worker that there may be work."""

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from kyc_review.core.valkey import client

log = logging.getLogger(__name__)
KEY = "scoring:woken"
EXPIRES_S = 5


def wake_scoring() -> None:
    """Queue one wake-up, unless one is waiting already; never fails, for the sweep says it again.

    The worker removes the mark before it looks for rows, so a row committed before this call is always
    seen: either by the wake-up that waits, or by the one sent here.
    """
    from kyc_review.pipeline.tasks import score_pending

    try:
        if client().set(KEY, 1, nx=True, ex=EXPIRES_S):
            score_pending.apply_async(retry=False, expires=60)
    except (RedisError, OperationalError, OSError) as error:
        log.warning("No wake-up sent, the sweep will find the work: %s", error)


def acknowledge_wake() -> None:
    """The worker is awake, so the next call of `wake_scoring` sends again."""
    try:
        client().delete(KEY)
    except (RedisError, OSError) as error:
        log.warning("The wake-up mark stays until it expires: %s", error)
