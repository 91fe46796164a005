import logging

from celery import shared_task

from kyc_review.encryption import keys
from kyc_review.encryption.problems import KeysUnavailable

log = logging.getLogger(__name__)
STEPS = 10  # at most; the next message goes on


@shared_task
def rewrap() -> None:
    """Wrap data keys with the key-encryption key that is in use now, a few at a time."""
    if not keys.is_on():
        return
    try:
        done = _some()
    except KeysUnavailable as unavailable:
        log.error("data keys are not wrapped again: %s", unavailable.strerror)
        return
    if done:
        log.info("%d data keys were wrapped again", done)


def _some() -> int:
    done = 0
    for _ in range(STEPS):
        step = keys.rewrap_some()
        done += step
        if not step:
            break
    return done
