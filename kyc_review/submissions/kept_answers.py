"""What an erasure does to answers that are kept for an Idempotency-Key."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from kyc_review.accounts.models import IdempotencyRecord
from kyc_review.submissions.models import Submission

NEAR = timedelta(minutes=10)  # between a row's birth and that of the answer kept for its Idempotency-Key


def answers_forget(row: Submission) -> None:
    """Empty the references in the answer that is kept for its create; called in the transaction of an erasure.

    The answer itself stays, so that a late repetition does not bring the picture back as a new submission.
    """
    kept = IdempotencyRecord.objects.filter(
        integration=row.integration_id,
        is_test=row.is_test,
        created_at__range=(row.received_at - NEAR, row.received_at + NEAR),
        body__contains=str(row.pk),
    )
    for record in kept:
        body = json.loads(record.body)
        for one in _submissions(body):
            if one.get("id") == str(row.pk):
                one |= {"external_ref": "", "applicant_ref": "", "metadata": {}}
        IdempotencyRecord.objects.filter(pk=record.pk).update(body=json.dumps(body))


def _submissions(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The submissions that the answer to a create, or to a batch of them, shows."""
    yield body
    for result in body.get("results", []):
        if isinstance(shown := result.get("submission"), dict):
            yield shown
