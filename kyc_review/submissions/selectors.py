"""Multi-row reads on submissions; each takes the viewer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from kyc_review.accounts.models import ApiKey
from kyc_review.core.pagination import page_after
from kyc_review.core.serializers import reference_spellings
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.searching import with_metadata

FILTERS = {
    "status": "state",
    "result": "result",
    "external_ref": "external_ref__in",
    "applicant_ref": "applicant_ref__in",
    "received_from": "received_at__gte",
    "received_before": "received_at__lt",
    "completed_from": "completed_at__gte",
    "completed_before": "completed_at__lt",
}
# As the index `submission_by_outcome` has it.
ENDED_AT = Coalesce("completed_at", "cancelled_at")
ENDED = (State.COMPLETED, State.CANCELLED)
REFERENCES = ("external_ref", "applicant_ref")
# More than a host's clock, which says when something was received, may be ahead of the database's.
CLOCKS_APART = timedelta(hours=1)


def submissions_of(viewer: ApiKey) -> QuerySet[Submission]:
    """A key sees its integration's submissions of its own mode, live or test, and no others."""
    return Submission.objects.filter(
        integration_id=viewer.integration_id, is_test=viewer.is_test, is_planted=False
    )


def submissions_page(
    *, viewer: ApiKey, filters: Mapping[str, Any], after: UUID | None, limit: int
) -> tuple[list[Submission], bool]:
    """Newest first, those after the submission `after`, and whether more follow; what was erased is left out.

    filters: the names of FILTERS, and `metadata`: names of its top level and their exact values.

    Raises Submission.DoesNotExist when `after` is none of the viewer's.
    """
    wanted = {
        FILTERS[name]: reference_spellings(str(value)) if name in REFERENCES else value
        for name, value in filters.items()
        if name in FILTERS
    }
    rows: QuerySet[Submission] = submissions_of(viewer).alias(ended_at=ENDED_AT)
    rows = rows.filter(*_implied(filters), erased_at=None, **wanted)
    if metadata := filters.get("metadata"):
        rows = with_metadata(rows, metadata, integration_id=viewer.integration_id)
    if filters.get("result") and filters.get("status", State.COMPLETED) != State.COMPLETED:
        rows = rows.none()  # what is not completed has no result; Postgres would read all to learn that
    last = submissions_of(viewer).only("received_at").get(pk=after) if after is not None else None
    return page_after(rows.prefetch_related("checks"), by="received_at", after=last, limit=limit)


def _implied(filters: Mapping[str, Any]) -> list[Q]:
    """What follows from the filters, in the words of an index; it leaves out nothing more."""
    implied = []
    for name, lookup in (("completed_from", "gte"), ("completed_before", "lt")):
        if name in filters:
            implied.append(Q(state__in=ENDED, **{f"ended_at__{lookup}": filters[name]}))
    if "completed_before" in filters:  # else the list would begin with all that came later
        implied.append(Q(received_at__lt=filters["completed_before"] + CLOCKS_APART))
    return implied
