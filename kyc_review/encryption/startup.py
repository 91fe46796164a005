"""What a process that starts says about its keys. It starts all the same: pages without pictures still work."""

import logging

from django.db import Error

from kyc_review.encryption.keys import problem

log = logging.getLogger(__name__)


def keys_announce() -> None:
    """Log what is wrong with the keys."""
    try:
        text = problem()
    except Error as error:  # the probes say so
        log.warning("the keys cannot be compared with the database: %s", error)
        return
    if text:
        log.error("pictures can be neither shown nor scored: %s", text)
