"""What a lost message, a killed worker or an item queued by another way left undone."""

from django.conf import settings

from kyc_review.core import leases
from kyc_review.core.wake import EVIDENCE
from kyc_review.evidence.models import Evidence
from kyc_review.evidence.services import UNFINISHED, evidence_give_up, evidence_request
from kyc_review.review.models import ReviewItem

LIMIT = 500


def sweep() -> None:
    """Request missing evidence, give up pictures that killed their worker, wake the worker if anything is due."""
    forgotten = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED).filter(submission__evidence=None)
    evidence_request(forgotten.values_list("submission_id", flat=True)[:LIMIT])
    evidence_give_up()
    due = Evidence.objects.filter(leases.due(*UNFINISHED), attempts__lt=settings.EVIDENCE_ATTEMPTS_MAX)
    if due.exists():
        EVIDENCE.send()
