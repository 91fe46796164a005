"""The audit sample: some of what the models cleared is looked at by people, so that their misses can be counted.

Each cleared submission is drawn by two independent dice: one the same for all, one that grows with its risk (Poisson
sampling). Its chance of being drawn at all is kept, and so is whether the first die drew it; those rows alone are a
simple random sample, whatever the second die did.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from kyc_review.submissions import services as submissions
from kyc_review.submissions.models import Result, Submission

from .models import AuditDraw, Decision

# Nobody shall foretell who is looked at again.
_dice = secrets.SystemRandom()
EDGE = 0.5  # the risk of a submission whose every vote touches its threshold (detection.voting.risk)


def audits_drawn(cleared: Iterable[tuple[UUID, float]]) -> list[tuple[UUID, float]]:
    """Those of `(submission_id, risk)` that were drawn, each with its row; in the transaction of the verdict."""
    draws, chosen = [], []
    uniform = _share(settings.AUDIT_SHARE)
    for submission_id, risk in cleared:
        narrow = _share(settings.AUDIT_RISK_SHARE * risk / EDGE)
        is_uniform = _dice.random() < uniform
        if is_uniform or _dice.random() < narrow:
            draws.append(
                AuditDraw(
                    submission_id=submission_id,
                    probability=uniform + narrow - uniform * narrow,
                    uniform_share=uniform,
                    is_uniform=is_uniform,
                )
            )
            chosen.append((submission_id, risk))
    AuditDraw.objects.bulk_create(draws)
    return chosen


def is_audited(submission_id: UUID) -> bool:
    """Whether its items look again at what the models cleared; nothing else is ever drawn."""
    return AuditDraw.objects.filter(submission=submission_id).exists()


def audit_conclude(*, submission_id: UUID, label: str) -> str:
    """What an audit's last word does to the outcome: only *fake* overturns it, and taking *fake* back restores it.

    Returns the result that stands. Raises StaleSubmission when the submission is not completed.
    """
    if label == Decision.Label.FAKE:
        submissions.submission_overturn(submission_id=submission_id, result=Result.REJECTED)
    elif Submission.objects.filter(pk=submission_id, result=Result.REJECTED).exists():
        submissions.submission_overturn(submission_id=submission_id, result=Result.CLEAR)
    return str(Submission.objects.values_list("result", flat=True).get(pk=submission_id))


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
