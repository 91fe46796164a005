"""Deletes the evidence of a submission and every derived picture."""

from uuid import UUID

from django.db.models import Q

from kyc_review.evidence.derivatives import derivative_key
from kyc_review.evidence.models import Evidence, Fingerprint, Likeness
from kyc_review.submissions.storage import derivatives, storage_key


def evidence_erase(*, submission_id: UUID) -> None:
    """The rows, in the caller's transaction: facts with the photograph's metadata, perceptual hashes, likenesses.

    A worker that examines it right now finds its row gone and records nothing.
    """
    Likeness.objects.filter(Q(submission=submission_id) | Q(earlier=submission_id)).delete()
    Fingerprint.objects.filter(pk=submission_id).delete()
    Evidence.objects.filter(submission=submission_id).delete()


def pictures_remove(*, submission_id: UUID) -> None:
    """The display derivative and the views of the evidence. Safe to repeat. Raises OSError."""
    derivatives.delete(derivative_key(submission_id))
    derivatives.delete_below(storage_key(submission_id))
