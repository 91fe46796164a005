"""Reads of the queue. Every function takes the viewer and returns nothing for people without a role."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from kyc_review.accounts.models import User
from kyc_review.core.permissions import ROLES_WITH, Right, may_decide, may_oversee, may_read_queue
from kyc_review.review.recent_decisions import items_answered

from . import statements
from .models import Decision, PutAside, ReviewItem, Skip
from .models.reasons import PRIORITIES, QUEUE_ORDER

LIVE_CLAIM = Q(state=ReviewItem.State.CLAIMED, claim_expires_at__gt=Now())
# Where an item keeps who may see its votes and evidence: {viewer's key: answer}, for the request that read it.
MAY_BE_SEEN_BY = "_may_be_seen_by"
FIRST_LOOK, FIRST_LOOK_LABEL = "first_look", _("First look")
OPEN_OR_CLAIMED = Q(state__in=[ReviewItem.State.OPEN, ReviewItem.State.CLAIMED])


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Items of one displayed reason: how many wait, how many people hold, how many of both are late (REVIEW_SLA_S), and
    when the oldest was opened."""

    reason: str
    label: str
    waiting: int
    claimed: int
    late: int
    oldest: dt.datetime


def queue_items(*, viewer: User, reason: str = "") -> QuerySet[ReviewItem]:
    """Undecided items in the order in which they will be handed out. Facts about items only, never the face.

    reason: only items that `queue_counts` counts under it.
    """
    if not may_read_queue(viewer):
        return ReviewItem.objects.none()
    items = ReviewItem.objects.filter(OPEN_OR_CLAIMED)
    if reason:
        items = items.annotate(seen=listed_reason(viewer=viewer)).filter(seen=reason)
    return (
        items.select_related("claimed_by", "reserved_for")
        .annotate(
            claim_is_live=LIVE_CLAIM,
            is_blinded=F("is_blind") if may_decide(viewer) else Value(False),
            # Also when its time is over: to a person who knows the outcome it is offered for no time (`release.offer`).
            is_reserved=Q(reserved_for__isnull=False, is_reserved_ahead=False),
            is_asleep=Q(snoozed_until__gt=Now()),
            skipped_by_viewer=Exists(Skip.objects.filter(item=OuterRef("pk"), reviewer=viewer)),
        )
        .order_by(*QUEUE_ORDER)
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
        .annotate(seen=listed_reason(viewer=viewer))
        .order_by("seen")
        .values("seen")
        .annotate(
            claimed=Count("pk", filter=LIVE_CLAIM),
            everything=Count("pk"),
            late=Count("pk", filter=Q(opened_at__lt=Now() - dt.timedelta(seconds=settings.REVIEW_SLA_S))),
            oldest=Min("opened_at"),
        )
    )
    return [
        ReasonCount(
            reason=row["seen"],
            label=reason_label(row["seen"]),
            waiting=row["everything"] - row["claimed"],
            claimed=row["claimed"],
            late=row["late"],
            oldest=row["oldest"],
        )
        for row in sorted(rows, key=lambda row: reason_rank(row["seen"]))
    ]


@dataclass(frozen=True, slots=True)
class QueueAge:
    """When the oldest of some items was opened, None without any; how many are late. `is_rough`: the oldest is blind to
    the viewer, so that its age is told in hours only."""

    oldest: dt.datetime | None
    late: int
    is_rough: bool


def queue_age(counts: list[ReasonCount]) -> QueueAge:
    first = min(counts, key=lambda count: count.oldest, default=None)
    return QueueAge(
        oldest=first.oldest if first else None,
        late=sum(count.late for count in counts),
        is_rough=first is not None and first.reason == FIRST_LOOK,
    )


def listed_reason(*, viewer: User) -> Case | F:
    """The reason by which items are counted, listed and found.

    To people who decide, undecided blind items are a first look and nothing more; to all others each has its reason.
    """
    if not may_decide(viewer):
        return F("shown_reason")
    blind = Q(is_blind=True) & ~Q(state=ReviewItem.State.DECIDED)
    return Case(When(blind, then=Value(FIRST_LOOK)), default=F("shown_reason"))


def reason_label(listed: str) -> str:
    """The words for a value of `listed_reason`."""
    return str(FIRST_LOOK_LABEL) if listed == FIRST_LOOK else str(ReviewItem.Reason(listed).label)


def reason_rank(listed: str) -> int:
    """Sorts values of `listed_reason`: most urgent first, first looks last."""
    return (
        len(PRIORITIES)
        if listed == FIRST_LOOK
        else PRIORITIES.get(ReviewItem.Reason(listed), len(PRIORITIES))
    )


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
