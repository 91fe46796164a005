"""A person's recent decisions, which they may view again and correct."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now

from kyc_review.core.permissions import may_decide
from kyc_review.review.models import Decision, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

RECENT = dt.timedelta(hours=24)
ROWS_SHOWN = 20


def answers(*, viewer: User) -> QuerySet[Decision]:
    """The viewer's own final decisions of the last day, the newest first."""
    if not may_decide(viewer):
        return Decision.objects.none()
    mine = Decision.objects.final().filter(reviewer=viewer, decided_at__gte=Now() - RECENT)
    return mine.order_by("-pk")


def items_answered(*, viewer: User) -> QuerySet[ReviewItem]:
    """Their items, with what their page shows. The face, votes and evidence that they saw then are shown again."""
    if not may_decide(viewer):
        return ReviewItem.objects.none()
    final = answers(viewer=viewer).order_by().filter(item=OuterRef("pk"))
    # What can still be undone, too: the browser's Back button leads there.
    undoable = Decision.objects.standing().filter(reviewer=viewer, item=OuterRef("pk"))
    is_own = Q(Exists(final), state=ReviewItem.State.DECIDED)
    is_own |= Q(Exists(undoable), state=ReviewItem.State.SETTLING)
    return (
        ReviewItem.objects.filter(is_own)
        .select_related("submission__scoring", "submission__evidence")
        .prefetch_related("submission__scoring__votes")
        .annotate(claim_remaining=F("claim_expires_at") - Now(), is_blinded=Value(False))
    )
