"""A person's recent decisions, which they may view again and correct."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Now

from kyc_review.core.permissions import may_decide
from kyc_review.review.models import Decision, FirstCall, PutAside, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

RECENT = dt.timedelta(hours=24)
ROWS_SHOWN = 20
FACES_SHOWN = 10


def answers(*, viewer: User) -> QuerySet[Decision]:
    """The viewer's own final decisions of the last day, the newest first."""
    if not may_decide(viewer):
        return Decision.objects.none()
    mine = Decision.objects.final().filter(reviewer=viewer, decided_at__gte=Now() - RECENT)
    return mine.order_by("-pk")


def items_answered(*, viewer: User) -> QuerySet[ReviewItem]:
    """Their items, with what their page shows. The face, votes and evidence that they saw then are shown again.

    Among them what they put aside, as long as that can be undone.
    """
    if not may_decide(viewer):
        return ReviewItem.objects.none()
    final = answers(viewer=viewer).order_by().filter(item=OuterRef("pk"))
    # What can still be undone, too: the browser's Back button leads there.
    undoable = Decision.objects.standing().filter(reviewer=viewer, item=OuterRef("pk"))
    is_own = Q(Exists(final), state=ReviewItem.State.DECIDED)
    is_own |= Q(Exists(undoable), state=ReviewItem.State.SETTLING)
    since = Now() - dt.timedelta(seconds=settings.UNDO_WINDOW_S)
    aside = PutAside.objects.filter(reviewer=viewer, item=OuterRef("pk"), put_aside_at__gt=since)
    is_own |= Q(Exists(aside), state=ReviewItem.State.OPEN)
    called = Exists(FirstCall.objects.filter(item=OuterRef("pk"), reviewer=viewer))
    still_blind = Q(is_blind=True, state=ReviewItem.State.OPEN) & ~Q(called)
    return (
        ReviewItem.objects.filter(is_own)
        .select_related("submission__scoring", "submission__evidence")
        .prefetch_related("submission__scoring__votes")
        .annotate(
            claim_remaining=F("claim_expires_at") - Now(),
            is_blinded=Case(When(still_blind, then=True), default=False),
        )
    )


@dataclass(frozen=True, slots=True)
class RecentFace:
    item_id: int
    label: str
    words: str


def recent_faces(*, viewer: User) -> list[RecentFace]:
    """The faces that the viewer decided last and may look at again, the latest first; what was erased is left out."""
    if not may_decide(viewer):
        return []
    decided = Q(item__state__in=[ReviewItem.State.DECIDED, ReviewItem.State.SETTLING])
    rows = Decision.objects.standing().filter(
        decided, reviewer=viewer, decided_at__gte=Now() - RECENT, submission__erased_at=None
    )
    found: dict[int, RecentFace] = {}
    for row in rows.order_by("-pk")[: 2 * FACES_SHOWN]:  # a corrected one has two
        found.setdefault(row.item_id, RecentFace(row.item_id, row.label, str(row.get_label_display())))
    return list(found.values())[:FACES_SHOWN]
