"""Which pictures one person may not clear alone: those with a failed picture check, and those without checks."""

from __future__ import annotations

from collections.abc import Collection

from detection.checks import CheckCode, CheckStatus
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action

from .audit_sampling import is_audited
from .models import Decision, ReviewItem

# They come to people without a verdict: if they have no checks either, no machine has looked at the picture.
WITHOUT_VERDICT = (ReviewItem.Reason.STANDSTILL, ReviewItem.Reason.UNSCORABLE)


def checks_missing(item: ReviewItem, checks: Collection[CheckResult]) -> bool:
    """Whether the picture was given to people before any check was made. `checks`: all of its submission."""
    return not checks and (item.masked_reason or item.reason) in WITHOUT_VERDICT


def real_needs_two_people(item: ReviewItem) -> bool:
    """Whether *real* clears the picture only if two people say it.

    So it is after a failed check that the bank's policy does not ignore, after a check that ended with an error, and
    without any check. The quality sample is excluded: its outcome stands already, and no answer clears it.
    """
    checks = item.submission.checks.all()  # the item's page has them fetched already
    if not checks_missing(item, checks) and not any(_speaks_against(check) for check in checks):
        return False
    return not is_audited(item.submission_id)


def another_found_real(item: ReviewItem, person: int) -> bool:
    """Whether a standing, final decision of somebody else on the same picture says *real*."""
    final = Decision.objects.final().filter(submission=item.submission_id)
    final = final.exclude(item__reason=ReviewItem.Reason.GOLD)
    corrected = final.filter(corrects__isnull=False).values("corrects")
    return final.filter(label=Decision.Label.REAL).exclude(reviewer=person).exclude(pk__in=corrected).exists()


def _speaks_against(check: CheckResult) -> bool:
    if check.action == Action.IGNORE.value:
        return False
    return check.status == CheckStatus.FAIL.value or check.code == CheckCode.CHECK_FAILED.value
