"""What a process that starts says about its keys and secrets. It starts all the same: much works without them."""

import logging

from django.db import Error

from kyc_review.encryption.keys import difference, problem
from kyc_review.encryption.shared_secrets import SecretDiffers, secret_names, secrets_check

log = logging.getLogger(__name__)


def keys_announce() -> None:
    """Log what is wrong with the keys, and which secrets other processes have otherwise."""
    try:
        text = problem() or difference()
        secrets_check(secret_names())
    except SecretDiffers as differs:
        log.error("%s", differs)
    except Error as error:  # the probes say so
        log.warning("the keys cannot be compared with the database: %s", error)
        return
    if text:
        log.error("pictures can be neither stored nor scored: %s", text)
