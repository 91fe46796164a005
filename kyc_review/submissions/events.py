"""Tells the webhooks what happened to submissions, in the transaction in which it happened."""

import uuid
from collections.abc import Iterable

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Q, Value

from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import Submission
from kyc_review.submissions.sandbox_checks import sandbox_checks
from kyc_review.webhooks.events import SubmissionFacts, events_write
from kyc_review.webhooks.models import Kind

# What the integration learns of a check: that something followed from it.
TOLD = (Action.RESUBMIT.value, Action.REVIEW.value)


def event_record(*, submission: Submission, kind: str) -> None:
    """Write an event and a delivery to each endpoint that listens; after the change and in its transaction."""
    events_record(submission_ids=[submission.pk], kind=kind)


@transaction.atomic
def events_record(*, submission_ids: Iterable[uuid.UUID], kind: str) -> None:
    """`event_record` for many submissions in few queries. State and result are read from the database.

    Planted forgeries have no events: no onboarding system sent them.
    """
    submission_ids = list(submission_ids)
    if not submission_ids:
        return
    codes = ArrayAgg(
        "checks__code",
        filter=Q(checks__action__in=TOLD),
        distinct=True,
        default=Value([]),
        order_by="checks__code",
    )
    rows = Submission.objects.filter(pk__in=submission_ids, is_planted=False).annotate(codes=codes)
    events_write(facts=[_facts(row, kind) for row in rows], kind=kind)


def _facts(row: Submission, kind: str) -> SubmissionFacts:
    codes: list[str] = row.codes  # type: ignore[attr-defined]
    if row.is_test:
        codes = sorted({check.code for check in sandbox_checks(row) if check.action in TOLD})
    return SubmissionFacts(
        id=row.pk,
        integration_id=row.integration_id,
        is_test=row.is_test,
        state=row.state,
        result=row.result,
        result_reason=row.result_reason,
        checks=[] if kind == Kind.ERASED else codes,
    )
