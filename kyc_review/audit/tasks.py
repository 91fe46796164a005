"""Celery tasks of the audit log."""

import logging

from celery import shared_task

from kyc_review.audit.delays import why_late
from kyc_review.audit.roots import RootsFileError, roots_publish
from kyc_review.audit.sealing import ChainRefused, refusal_record, seal_some
from kyc_review.audit.signing import SigningKeyError

log = logging.getLogger(__name__)


@shared_task
def seal() -> None:
    """Seal what is settled, for some seconds, and send out what the file of roots does not have."""
    try:
        if not seal_some() and (why := why_late()):
            log.error(
                "audit events are not sealed for more than a minute: %s (docs/runbooks.md#auditunsealed)", why
            )
    except SigningKeyError as missing:
        log.error("audit events are not sealed: %s", missing)
        return
    except ChainRefused as refused:
        log.error("%s", refused)
        refusal_record(refused)
        return
    try:
        roots_publish()
    except (OSError, RootsFileError, SigningKeyError) as refused:
        log.error("roots of the audit log are not sent out: %s", refused)
