"""What a viewer may see of the queue. Every function takes the viewer and returns nothing to people without a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from .models import FirstCall, ReviewItem, Skip
from .permissions import may_decide, may_oversee, may_read_queue

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

LIVE_CLAIM = Q(state=ReviewItem.State.CLAIMED, claim_expires_at__gt=Now())
UNDECIDED = Q(state__in=[ReviewItem.State.OPEN, ReviewItem.State.CLAIMED])


@dataclass(frozen=True, slots=True)
class ReasonCount:
    reason: str
    label: str
    waiting: int
    claimed: int


def queue_items(*, viewer: User) -> QuerySet[ReviewItem]:
    """Undecided items in the order in which they will be handed out. Facts about items only, never the face."""
    if not may_read_queue(viewer):
        return ReviewItem.objects.none()
    return (
        ReviewItem.objects.filter(UNDECIDED)
        .select_related("claimed_by")
        .annotate(
            claim_is_live=LIVE_CLAIM,
            skipped_by_viewer=Exists(Skip.objects.filter(item=OuterRef("pk"), reviewer=viewer)),
        )
        .order_by("priority", "-risk", "opened_at", "id")
    )


def queue_counts(*, viewer: User) -> list[ReasonCount]:
    """How many items wait and are claimed, per reason that occurs, most urgent reason first."""
    if not may_read_queue(viewer):
        return []
    rows = (
        ReviewItem.objects.filter(UNDECIDED)
        .order_by("priority", "reason")
        .values("priority", "reason")
        .annotate(claimed=Count("pk", filter=LIVE_CLAIM), everything=Count("pk"))
    )
    return [
        ReasonCount(
            reason=row["reason"],
            label=ReviewItem.Reason(row["reason"]).label,
            waiting=row["everything"] - row["claimed"],
            claimed=row["claimed"],
        )
        for row in rows
    ]


def skipped_waiting(*, viewer: User) -> int:
    """How many waiting items the viewer skipped, and so is not offered unasked."""
    return ReviewItem.objects.filter(state=ReviewItem.State.OPEN, skips__reviewer=viewer).count()


def items_held(*, viewer: User) -> QuerySet[ReviewItem]:
    """The viewer's own live claim: at most one row."""
    return ReviewItem.objects.filter(LIVE_CLAIM, claimed_by=viewer)


def items_in_focus(*, viewer: User) -> QuerySet[ReviewItem]:
    """Items whose face and votes the viewer may see: what they hold now; seniors see all, read-only."""
    items = ReviewItem.objects.select_related("submission__scoring", "claimed_by", "held_for")
    items = items.prefetch_related("submission__scoring__votes").annotate(
        claim_remaining=F("claim_expires_at") - Now()
    )
    if may_oversee(viewer):
        return items
    if not may_read_queue(viewer):
        return items.none()
    return items.filter(LIVE_CLAIM, claimed_by=viewer)


def is_revealed(*, viewer: User, item: ReviewItem) -> bool:
    """Whether this viewer may see votes and evidence, not only the face.

    Of a blind item that waits for a decision, whoever could decide it has to make a first call before.
    """
    if not item.is_blind or not may_decide(viewer):
        return True
    if item.state not in (ReviewItem.State.OPEN, ReviewItem.State.CLAIMED):
        return True
    return FirstCall.objects.filter(item=item, reviewer=viewer).exists()
