"""Telling a worker that there may be something to deliver."""

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from kyc_review.core.valkey import client

log = logging.getLogger(__name__)
KEY = "webhooks:nudged"
EXPIRES_S = 5


def nudge() -> None:
    """Queue one wake-up, unless one is waiting already; never fails, for the sweep says it again."""
    from kyc_review.webhooks.tasks import deliver_due

    try:
        if client().set(KEY, 1, nx=True, ex=EXPIRES_S):
            deliver_due.apply_async(retry=False, expires=60)
    except (RedisError, OperationalError, OSError) as error:
        log.warning("No wake-up sent, the sweep will find the deliveries: %s", error)


def acknowledge() -> None:
    """The worker is awake: the next `nudge` shall send again."""
    try:
        client().delete(KEY)
    except (RedisError, OSError) as error:
        log.warning("The wake-up mark stays until it expires: %s", error)
