"""Reads of the queue. Every function takes the viewer and returns nothing for people without a role."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.core.permissions import ROLES_WITH, Right, may_decide, may_oversee, may_read_queue
from kyc_review.review.recent_decisions import items_answered

from . import statements
from .claims import ORDER
from .models import Decision, PutAside, ReviewItem, Skip
from .models.items import PRIORITIES

LIVE_CLAIM = Q(state=ReviewItem.State.CLAIMED, claim_expires_at__gt=Now())
# Where an item keeps who may see its votes and evidence: {viewer's key: answer}, for the request that read it.
MAY_BE_SEEN_BY = "_may_be_seen_by"
FIRST_LOOK, FIRST_LOOK_LABEL = "first_look", "First look"
OPEN_OR_CLAIMED = Q(state__in=[ReviewItem.State.OPEN, ReviewItem.State.CLAIMED])


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Items of one displayed reason: how many wait, and how many of them people hold."""

    reason: str
    label: str
    waiting: int
    claimed: int


def queue_items(*, viewer: User, reason: str = "") -> QuerySet[ReviewItem]:
    """Undecided items in the order in which they will be handed out. Facts about items only, never the face.

    reason: only items that `queue_counts` counts under it.
    """
    if not may_read_queue(viewer):
        return ReviewItem.objects.none()
    items = ReviewItem.objects.filter(OPEN_OR_CLAIMED)
    if reason:
        items = items.annotate(seen=_seen_reason(viewer)).filter(seen=reason)
    return (
        items.select_related("claimed_by", "reserved_for")
        .annotate(
            claim_is_live=LIVE_CLAIM,
            is_blinded=F("is_blind") if may_decide(viewer) else Value(False),
            is_reserved=Q(reserved_for__isnull=False, reserved_until__gt=Now()),
            is_asleep=Q(snoozed_until__gt=Now()),
            skipped_by_viewer=Exists(Skip.objects.filter(item=OuterRef("pk"), reviewer=viewer)),
        )
        .order_by(*ORDER)
    )


def queue_counts(*, viewer: User) -> list[ReasonCount]:
    """How many items wait and are claimed, per shown reason that occurs, most urgent reason first.

    To people who decide, blind items are a first look and nothing more: a number that changes with a claim would name
    the reason of what was claimed.
    """
    if not may_read_queue(viewer):
        return []
    rows = (
        ReviewItem.objects.filter(OPEN_OR_CLAIMED)
        .annotate(seen=_seen_reason(viewer))
        .order_by("seen")
        .values("seen")
        .annotate(claimed=Count("pk", filter=LIVE_CLAIM), everything=Count("pk"))
    )
    return [
        ReasonCount(
            reason=row["seen"],
            label=FIRST_LOOK_LABEL if row["seen"] == FIRST_LOOK else ReviewItem.Reason(row["seen"]).label,
            waiting=row["everything"] - row["claimed"],
            claimed=row["claimed"],
        )
        for row in sorted(rows, key=lambda row: PRIORITIES.get(row["seen"], len(PRIORITIES)))
    ]


def _seen_reason(viewer: User) -> Case | F:
    if not may_decide(viewer):
        return F("shown_reason")
    return Case(When(is_blind=True, then=Value(FIRST_LOOK)), default=F("shown_reason"))


def listed_reason(*, viewer: User) -> Case | F:
    """The reason by which the queue counts, lists and finds items.

    Gold and audits are placed among ordinary items (`queue_masking`). People who decide get the reason of those
    ordinary items until the item is decided; all others get its own reason.
    """
    if not may_decide(viewer):
        return F("shown_reason")
    placed = ~Q(queue_reason="") & ~Q(state=ReviewItem.State.DECIDED)
    return Case(When(placed, then=F("queue_reason")), default=F("shown_reason"))


def skipped_waiting(*, viewer: User) -> int:
    """How many waiting items the viewer skipped, and so is not offered unasked."""
    return ReviewItem.objects.filter(state=ReviewItem.State.OPEN, skips__reviewer=viewer).count()


def items_held(*, viewer: User) -> QuerySet[ReviewItem]:
    """The viewer's own live claim: at most one row."""
    return ReviewItem.objects.filter(LIVE_CLAIM, claimed_by=viewer)


def items_in_focus(*, viewer: User) -> QuerySet[ReviewItem]:
    """Items whose face and votes the viewer may see: what they hold now; seniors see all, read-only."""
    if not may_read_queue(viewer):
        return ReviewItem.objects.none()
    # Without the people: the holder, the usual case, needs no name; a read-only view queries it.
    items = ReviewItem.objects.select_related("submission__scoring", "submission__evidence")
    items = items.prefetch_related("submission__scoring__votes", "submission__checks")
    return items if may_oversee(viewer) else items.filter(LIVE_CLAIM, claimed_by=viewer)


def item_in_focus(*, viewer: User, item_id: int) -> ReviewItem | None:
    """One of them, or one that the viewer decided recently; with the value that the evidence panel often needs."""
    if not may_read_queue(viewer):
        return None
    item = items_in_focus(viewer=viewer).filter(pk=item_id).first()
    if item is not None:
        remaining, is_blinded = statements.claim_remaining_and_blindness(item=item_id, person=viewer.pk)
        item.claim_remaining = remaining  # type: ignore[attr-defined]
        item.is_blinded = is_blinded and may_decide(viewer)  # type: ignore[attr-defined]
    else:
        item = items_answered(viewer=viewer).filter(pk=item_id).first()
    if item is not None:
        item.__dict__[MAY_BE_SEEN_BY] = {viewer.pk: not item.is_blinded}  # type: ignore[attr-defined]
    return item


def is_revealed(*, viewer: User, item: ReviewItem) -> bool:
    """Whether this viewer may see votes and evidence, not only the face.

    For a blind item that waits for a decision, a possible reviewer must make a first call first. For a
    decided one with a pending blind review, only people who have decided on it may.
    """
    if not may_decide(viewer):
        return True
    return not statements.claim_remaining_and_blindness(item=item.pk, person=viewer.pk)[1]


def faces_shown(*, viewer: User) -> QuerySet[ReviewItem]:
    """Items whose picture the viewer may fetch: those in focus, and the one kept for them, to be shown next."""
    if not may_decide(viewer):
        return items_in_focus(viewer=viewer)
    kept = items_kept(viewer=viewer)
    mine = ReviewItem.objects.filter(LIVE_CLAIM, claimed_by=viewer)
    seen = Q(pk__in=kept.values("pk")) | Q(pk__in=mine.values("pk"))
    return ReviewItem.objects.select_related("submission").filter(Q() if may_oversee(viewer) else seen)


def items_kept(*, viewer: User) -> QuerySet[ReviewItem]:
    """What is offered to the viewer alone, to be shown next."""
    if not may_decide(viewer):
        return ReviewItem.objects.none()
    return ReviewItem.objects.filter(
        state=ReviewItem.State.OPEN, reserved_for=viewer, reserved_until__gt=Now()
    )


ACT_WORDS = dict(Decision.Label.choices) | dict(PutAside.Act.choices)


@dataclass(frozen=True, slots=True)
class Undoable:
    """The viewer's last decision, as long as it can be undone."""

    item_id: int
    label: str
    remaining_s: int


def act_undoable(*, viewer: User, first: int | None = None) -> Undoable | None:
    """The viewer's decision on the item `first` (or that they put it aside), else their latest act, while it can be
    taken back."""
    window = dt.timedelta(seconds=settings.UNDO_WINDOW_S)
    found = statements.undoable_act(person=viewer.pk, window=window, first=first)
    if found is None:
        return None
    item_id, what, remaining = found
    return Undoable(item_id, str(ACT_WORDS[what]), max(1, round(remaining.total_seconds())))


def decision_withdrawn(*, viewer: User, item: ReviewItem) -> Decision | None:
    """What the viewer last said of an item that they hold again, to fill its form with."""
    rows = Decision.objects.filter(item=item, reviewer=viewer, undo__isnull=False)
    return rows.order_by("-pk").first()


def colleagues(*, viewer: User) -> list[User]:
    """Who an item can be handed over to."""
    if not may_decide(viewer):
        return []
    people = User.objects.filter(groups__name__in=ROLES_WITH[Right.DECIDE], is_active=True)
    named = people.only("username", "first_name", "last_name")  # what a page prints of them
    return list(named.exclude(pk=viewer.pk).distinct().order_by("username")[:100])
