from celery import shared_task

from kyc_review.review.audit_counts import AUDIT_COUNTS
from kyc_review.review.blinding import exceptions_renew
from kyc_review.review.claims import claims_expire
from kyc_review.review.decision_counts import DECISION_COUNTS
from kyc_review.review.decisions import decisions_settle
from kyc_review.review.opening import gold_open
from kyc_review.review.twins import twins_sweep


@shared_task
def sweep() -> int:
    """Make decisions final, return expired claims to the queue, open calibration items. Late or doubled runs change
    nothing."""
    return decisions_settle() + claims_expire() + gold_open()


@shared_task
def sweep_twins() -> int:
    """Look for cleared twins of what was rejected, and reopen them. Late or doubled runs change nothing."""
    return twins_sweep()


@shared_task
def renew_blinding_exceptions() -> int:
    """Open blind items to people who know the picture's outcome where no other reviewer is left, and end that."""
    return exceptions_renew()


@shared_task
def count_audits() -> int:
    """Add settled answers of the quality sample to the counts that its figures add up."""
    return AUDIT_COUNTS.count()


@shared_task
def count_decisions() -> int:
    """Add settled decisions to the counts that figures over months add up."""
    return DECISION_COUNTS.count()
