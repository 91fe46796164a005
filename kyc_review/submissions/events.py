"""Tells the webhooks what happened to submissions, in the transaction in which it happened."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from kyc_review.submissions.models import Submission
from kyc_review.webhooks.events import SubmissionFacts, events_write


def event_record(*, submission: Submission, kind: str) -> None:
    """Write an event and a delivery to each endpoint that listens; after the change and in its transaction."""
    events_record(submission_ids=[submission.pk], kind=kind)


@transaction.atomic
def events_record(*, submission_ids: Iterable[uuid.UUID], kind: str) -> None:
    """`event_record` for many submissions in few queries. State and result are read from the database."""
    submission_ids = list(submission_ids)
    if not submission_ids:
        return
    rows = Submission.objects.filter(pk__in=submission_ids).values(
        "id", "integration_id", "is_test", "state", "result", "result_reason"
    )
    events_write(facts=[SubmissionFacts(**row) for row in rows], kind=kind)
