"""Multi-row reads on submissions; each takes the viewer."""

from django.db.models import QuerySet

from kyc_review.accounts.models import Integration
from kyc_review.submissions.models import Submission


def submissions_of(integration: Integration) -> QuerySet[Submission]:
    """An integration sees its own submissions and no others."""
    return Submission.objects.filter(integration=integration)
