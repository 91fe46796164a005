"""Multi-row reads on submissions; each takes the viewer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from kyc_review.accounts.models import ApiKey
from kyc_review.core.pagination import page_after
from kyc_review.core.serializers import reference_spellings
from kyc_review.submissions.models import Submission
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
REFERENCES = ("external_ref", "applicant_ref")


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
    rows = submissions_of(viewer).filter(erased_at=None, **wanted)
    if metadata := filters.get("metadata"):
        rows = with_metadata(rows, metadata, integration_id=viewer.integration_id)
    last = submissions_of(viewer).only("received_at").get(pk=after) if after is not None else None
    return page_after(rows.prefetch_related("checks"), by="received_at", after=last, limit=limit)
