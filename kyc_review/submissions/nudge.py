"""Telling the sandbox that there may be work; the clock says it again."""

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def nudge_sandbox() -> None:
    from kyc_review.submissions.tasks import advance_sandbox

    try:
        advance_sandbox.apply_async(retry=False, expires=5)
    except (RedisError, OperationalError, OSError) as error:
        log.warning("No wake-up sent, the clock will find the work: %s", error)
