"""Gold: faces whose answer is known, mixed into the queue like new items.

It is drawn when ordinary items open, and opens a random time later: two items that appear together would say that one
of them is gold.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext

from detection.voting import Verdict
from kyc_review.audit import services as audit
from kyc_review.core.permissions import Right, require
from kyc_review.review.blinding import possible_reviewers
from kyc_review.scoring.selectors import failed_for_person, needs_person
from kyc_review.submissions.models import State, Submission

from .models import RISK_WITHOUT_VOTES, AuditDraw, Decision, Gold, ReviewItem

if TYPE_CHECKING:
    from uuid import UUID

    from kyc_review.accounts.models import User

# The choice needs to be unpredictable to people only, not to programs.
_dice = random.Random()  # noqa: S311


@transaction.atomic
def gold_add(*, submission_id: UUID, senior: User, label: str) -> Gold:
    """Use a completed submission to calibrate people. Raises PermissionDenied, ValueError."""
    require(senior, Right.OVERSEE)
    wished = Decision.Label(label)
    usable = Submission.objects.filter(pk=submission_id, state=State.COMPLETED, erased_at=None)
    if usable.select_for_update(no_key=True).first() is None:  # serialises with an erasure
        raise ValueError(gettext("Only a completed submission can be used."))
    corrections = ReviewItem.objects.filter(submission=submission_id, correction__isnull=False)
    if corrections.exclude(state=ReviewItem.State.DECIDED).exists():
        raise ValueError(gettext("Another person is reviewing a correction of it; wait for their decision."))
    gold, _ = Gold.objects.update_or_create(
        submission_id=submission_id, defaults={"label": wished, "added_by": senior, "is_active": True}
    )
    audit.record(action="gold.added", actor=senior, target=gold, detail={"label": wished.value})
    return gold


def gold_draw(*, opened: int) -> int:
    """Draw the gold that goes with `opened` new items; returns how many will open within GOLD_DELAY_S.

    Call it in a transaction.
    """
    wished = sum(_dice.random() < settings.GOLD_RATE for _ in range(opened))
    if not wished:
        return 0
    usable = _usable().filter(opens_at=None).select_for_update(of=("self",), no_key=True, skip_locked=True)
    chosen = list(usable.order_by("?")[:wished])
    for gold in chosen:
        delay = dt.timedelta(seconds=_dice.uniform(0, settings.GOLD_DELAY_S))
        Gold.objects.filter(pk=gold.pk).update(opens_at=Now() + delay)
    return len(chosen)


def gold_due() -> list[ReviewItem]:
    """Unsaved items of the gold whose time has come. Call it in a transaction that saves them."""
    due = Gold.objects.filter(opens_at__lte=Now()).select_for_update(no_key=True, skip_locked=True)
    keys = list(due.values_list("pk", flat=True))
    if not keys:
        return []
    chosen = list(
        _usable()
        .filter(pk__in=keys)
        .annotate(
            verdict=F("submission__scoring__verdict"),
            risk=F("submission__scoring__risk"),
            has_doubt=needs_person(),
            has_failed=failed_for_person(),
            is_drawn=Exists(AuditDraw.objects.filter(submission=OuterRef("submission"))),
        )
        # None whose erasure is under way; one that begins now finds the new item and withdraws it.
        .select_related("submission")
        .select_for_update(of=("self", "submission"), no_key=True, skip_locked=True)
    )
    Gold.objects.filter(pk__in=keys).update(opens_at=None)  # also of what cannot be used any more
    return [
        ReviewItem(
            submission_id=gold.submission_id,
            reason=ReviewItem.Reason.GOLD,
            masked_reason=_masked_reason(
                gold.verdict, has_doubt=gold.has_doubt, has_failed=gold.has_failed, is_drawn=gold.is_drawn
            ),
            is_blind=True,
            risk=RISK_WITHOUT_VOTES if gold.risk is None else gold.risk,
        )
        for gold in chosen
    ]


def _usable() -> QuerySet[Gold]:
    """Active calibration faces that do not wait already and that some reviewer has neither answered nor read about."""
    waits = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED).filter(
        submission=OuterRef("submission")
    )
    someone = possible_reviewers().exclude(pk=OuterRef("added_by"))
    return Gold.objects.filter(~Exists(waits), Exists(someone), is_active=True)


def _masked_reason(verdict: str | None, *, has_doubt: bool, has_failed: bool, is_drawn: bool) -> str:
    """The reason that people would read after their first call if this face came today."""
    if verdict is not None and verdict != Verdict.CLEAR and not has_failed:
        return ReviewItem.Reason(verdict)
    if has_doubt:
        return ReviewItem.Reason.CHECKS
    is_sample = is_drawn or verdict is not None
    return ReviewItem.Reason.AUDIT if is_sample else ReviewItem.Reason.UNSCORABLE
