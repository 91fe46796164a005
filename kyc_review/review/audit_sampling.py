"""The quality sample: people look at some of what was cleared, or sent back by a check, so that errors can be counted.

Each cleared submission is drawn by two independent dice: one the same for all, one that grows with its risk (Poisson
sampling). Its chance of being drawn at all is kept, and so is whether the first die drew it; those rows alone are a
simple random sample, whatever the second die did. What a check sent back has no risk: the first die alone draws it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from kyc_review.review.models import AuditDraw, Decision
from kyc_review.submissions.models import Result, Submission
from kyc_review.submissions.state_changes import submission_overturn

# The draw must not be predictable.
_dice = secrets.SystemRandom()
EDGE = 0.5  # the risk of a submission whose every vote touches its threshold (detection.voting.risk)


def audits_drawn(cleared: Iterable[tuple[UUID, float]]) -> list[tuple[UUID, float]]:
    """Which of `(submission_id, risk)` were drawn, each with its row; call it in the transaction of the verdict."""
    draws, chosen = [], []
    uniform = _share(settings.AUDIT_SHARE)
    for submission_id, risk in cleared:
        narrow = _share(settings.AUDIT_RISK_SHARE * risk / EDGE)
        is_uniform = _dice.random() < uniform
        if is_uniform or _dice.random() < narrow:
            draws.append(
                AuditDraw(
                    submission_id=submission_id,
                    # In this form rounding cannot take it below `uniform`.
                    probability=min(1.0, uniform + narrow * (1 - uniform)),
                    uniform_share=uniform,
                    is_uniform=is_uniform,
                )
            )
            chosen.append((submission_id, risk))
    AuditDraw.objects.bulk_create(draws)
    return chosen


def refusals_drawn(sent_back: Iterable[UUID]) -> list[UUID]:
    """Those of the submissions sent back by checks that were drawn, each with its row; in the same transaction."""
    share = _share(settings.AUDIT_SHARE)
    chosen = [pk for pk in sent_back if _dice.random() < share]
    AuditDraw.objects.bulk_create(
        AuditDraw(
            submission_id=pk,
            outcome=AuditDraw.Outcome.RESUBMIT,
            probability=share,
            uniform_share=share,
            is_uniform=True,
        )
        for pk in chosen
    )
    return chosen


def is_audited(submission_id: UUID) -> bool:
    """Whether its items look again at an automatic outcome; nothing else is ever drawn."""
    return AuditDraw.objects.filter(submission=submission_id).exists()


def audit_conclude(*, submission_id: UUID, label: str, obstacle: str = "") -> str:
    """Give the submission the outcome that follows from the last answer of its audit.

    A cleared submission is overturned by *fake* only. Once it was, only *real* clears it again; *not assessable* asks
    for another picture, with `obstacle` as the reason. What a check sent back stays sent back: the applicant was asked
    for another picture, which gets its own verdict.
    Returns the result that stands. Raises StaleSubmission when the submission is not completed.
    """
    if AuditDraw.objects.filter(submission=submission_id, outcome=AuditDraw.Outcome.RESUBMIT).exists():
        return Result.RESUBMIT.value
    if label == Decision.Label.FAKE:
        submission_overturn(submission_id=submission_id, result=Result.REJECTED)
    elif not Submission.objects.filter(pk=submission_id, result=Result.CLEAR).exists():
        if label == Decision.Label.REAL:
            submission_overturn(submission_id=submission_id, result=Result.CLEAR)
        else:
            submission_overturn(submission_id=submission_id, result=Result.RESUBMIT, reason=obstacle)
    return str(Submission.objects.values_list("result", flat=True).get(pk=submission_id))


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
