"""Decisions: recorded at once, final after UNDO_WINDOW_S, corrected by later rows (see
corrections.py) and never changed.

The database is the truth: a settling item carries its own deadline, so a killed process loses nothing; the sweep makes
final what is due, and only then is the submission completed and its event sent.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy

from kyc_review.audit import services as audit
from kyc_review.core.db.inserted import insert
from kyc_review.core.errors import DomainError
from kyc_review.submissions.models import State
from kyc_review.submissions.state_changes import submission_lock

from . import statements
from .claims import RELEASED, ClaimLost, claim_again, claim_lease, claim_lost, held_by, require_decider
from .models import Decision, DecisionUndo, FirstCall, ReviewItem
from .outcomes import is_judged_again, outcome_reach
from .second_reviews import followup_item_for

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

OUTDATED = gettext_lazy("This submission was completed otherwise meanwhile; there is nothing left to decide.")


class TooLate(DomainError):
    """The decision can no longer be undone; it can be corrected."""

    text = gettext_lazy("It is too late to undo this decision. You can correct it on the item's page.")

    def __init__(self) -> None:
        super().__init__(self.text)


@transaction.atomic
def first_call_record(*, item_id: int, reviewer: User, label: str) -> None:
    """Record the holder's first call before the reveal; a second call changes nothing. Raises ClaimLost,
    ValueError."""
    require_decider(reviewer)
    chosen = Decision.Label(label)
    if held_by(reviewer.pk, item_id).update(claim_expires_at=Now() + claim_lease()) != 1:
        raise claim_lost(item_id, reviewer)
    FirstCall.objects.get_or_create(item_id=item_id, reviewer=reviewer, defaults={"label": chosen})


def decision_record(*, item_id: int, reviewer: User, label: str, **said: Any) -> Decision:
    """Store the holder's decision; its submission completes when UNDO_WINDOW_S is over.

    `said`: obstacle (for not_assessable), is_sure (for real and fake), parts, methods, regions (for fake), note. Raises
    ClaimLost when the claim expired, is somebody else's, or the submission was completed otherwise (the item is closed
    then); ValueError for an unknown label or a missing obstacle.
    """
    require_decider(reviewer)
    decision = _record(item_id, reviewer, words_validated(label, **said))
    if decision is None:
        raise ClaimLost(OUTDATED)
    return decision


def words_validated(label: str, *, obstacle: str = "", is_sure: bool = True, **said: Any) -> dict[str, Any]:
    """What is stored: an obstacle only for not assessable, marks only for fake, doubt only for real and fake.

    Raises ValueError.
    """
    chosen = Decision.Label(label)
    if chosen != Decision.Label.FAKE:
        said |= {"parts": [], "methods": [], "regions": []}
    kept = Decision.Obstacle(obstacle).value if chosen == Decision.Label.NOT_ASSESSABLE else ""
    is_sure = is_sure or chosen == Decision.Label.NOT_ASSESSABLE
    return {"label": chosen.value, "obstacle": kept, "is_sure": is_sure} | said


def said_in_event(said: dict[str, Any]) -> dict[str, Any]:
    """What the audit log holds of a decision: all but the note, which an erasure empties and the log outlives."""
    answer = {name: said[name] for name in ("label", "obstacle", "is_sure")}
    return answer | {name: said.get(name) or [] for name in ("parts", "methods", "regions")}


@transaction.atomic
def _record(item_id: int, reviewer: User, said: dict[str, Any]) -> Decision | None:
    """None when the submission no longer waits for a decision: its item is closed then."""
    found = statements.lock_held_item(item=item_id, person=reviewer.pk)
    if found is None:
        raise claim_lost(item_id, reviewer)
    now, item = found
    state = submission_lock(submission_id=item.submission_id)  # after the item, as an erasure does
    waits = state == State.IN_REVIEW or item.reason == ReviewItem.Reason.GOLD
    waits = waits or (state == State.COMPLETED and item.correction_id is not None)
    if not waits and not is_judged_again(item.submission_id):
        released = RELEASED | {"state": ReviewItem.State.DECIDED, "decided_at": Now()}
        held_by(reviewer.pk, item_id).update(**released)
        audit.record(action="item.outdated", target=item)
        return None
    window = dt.timedelta(seconds=settings.UNDO_WINDOW_S)
    if not statements.begin_settling(item=item_id, person=reviewer.pk, window=window):
        raise claim_lost(item_id, reviewer)
    assert item.claimed_at is not None  # a constraint of the row
    decision = Decision(
        item=item,
        submission_id=item.submission_id,
        reviewer=reviewer,
        handling_ms=int((now - item.claimed_at).total_seconds() * 1000),
        **said,
    )
    calls = FirstCall.objects.filter(item_id=item_id, reviewer=reviewer)
    earlier = calls.values_list("label", flat=True).first()
    # A decision without seeing the votes is also the first call. Without one they may still make it, after an undo.
    call = earlier or (said["label"] if item.is_blind else None)
    decided = said_in_event(said) | ({"first_call": call} if call else {})
    insert(decision, audit.event(action="item.decided", actor=reviewer, target=item, detail=decided))
    if item.is_blind and earlier is None:  # not earlier than the decision: nothing was shown before it
        FirstCall.objects.create(item_id=item_id, reviewer=reviewer, label=said["label"])
    if not settings.UNDO_WINDOW_S:
        settle(item)
    return decision


@transaction.atomic
def decision_undo(*, item_id: int, reviewer: User) -> None:
    """Undo one's own decision and hold its item again. An item held meanwhile is reserved for the same
    person.

    Raises TooLate.
    """
    require_decider(reviewer)
    get_user_model().objects.select_for_update(no_key=True).get(pk=reviewer.pk)
    item = (
        ReviewItem.objects.select_for_update()
        .filter(pk=item_id, state=ReviewItem.State.SETTLING, settles_at__gt=Now())
        .first()
    )
    decision = Decision.objects.standing().filter(item=item).order_by("-pk").first()
    if item is None or decision is None or decision.reviewer_id != reviewer.pk:
        raise TooLate
    DecisionUndo.objects.create(decision=decision)
    claim_again(item=item, reviewer=reviewer, settles_at=None)
    audit.record(
        action="item.undone",
        actor=reviewer,
        target=item,
        detail={"label": decision.label, "decision": decision.pk},
    )


def decisions_settle() -> int:
    """Make final every decision whose undo window is over; returns how many. Safe to call at any time, by anyone."""
    due = ReviewItem.objects.filter(state=ReviewItem.State.SETTLING, settles_at__lte=Now())
    settled = 0
    for pk in list(due.order_by("settles_at").values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            item = due.select_for_update(skip_locked=True).filter(pk=pk).first()
            if item is not None:
                settle(item)
                settled += 1
    return settled


def settle(item: ReviewItem) -> None:
    """Make its decision final: the submission completes, or another person reviews. Lock the item before."""
    decision = item.decisions.filter(undo=None).order_by("-pk")[0]
    ReviewItem.objects.filter(pk=item.pk, state=ReviewItem.State.SETTLING).update(
        state=ReviewItem.State.DECIDED, decided_at=Now(), settles_at=None
    )
    if item.reason == ReviewItem.Reason.GOLD:
        return
    opened = followup_item_for(item=item, decision=decision)
    if opened is not None:
        audit.record(action="item.opened", target=opened, detail={"reason": opened.reason})
        return
    result = outcome_reach(item=item, decision=decision)
    if result is None:
        audit.record(action="item.outdated", target=item, detail={"label": decision.label})
        return
    audit.record(action="item.settled", target=item, detail={"label": decision.label, "result": result})
