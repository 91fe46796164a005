"""The hot statements of claiming and deciding, as SQL (see core/db/statements.py).

`claims.items_for` says the same as ITEMS_FOR_PERSON with querysets, for pages; a test compares the two.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from kyc_review.core.db.statements import change, columns, fetch_all, fetch_one, instance
from kyc_review.evidence.near_duplicates import TWIN_KEYS

from .models import ReviewItem

# As `models.reasons.QUEUE_ORDER`; a test compares the two.
QUEUE_ORDER = """
    CASE WHEN item.is_escalated THEN -1 WHEN item.is_blind THEN 0 ELSE item.priority END,
    CASE WHEN item.is_blind THEN -1.0 ELSE item.urgency * -1 END, item.opened_at, item.id
"""
EXPIRED = """
    SELECT id, claimed_by_id, submission_id
    FROM review_reviewitem
    WHERE state = 'claimed' AND claim_expires_at <= statement_timestamp()
    FOR UPDATE SKIP LOCKED
"""
TIED = """
    SELECT id, state
    FROM review_reviewitem
    WHERE state = 'claimed' AND claimed_by_id = %(person)s AND claim_expires_at > statement_timestamp()
    UNION ALL
    SELECT id, state
    FROM review_reviewitem
    WHERE state = 'open' AND reserved_for_id = %(person)s
"""
# Joins, not EXISTS inside the twins: the planner would hash all decisions of the person for those.
TWIN_OUTCOME_KNOWN = f"""
          EXISTS (
              SELECT FROM ({TWIN_KEYS.format(submission="item.submission_id")}) twin
              JOIN review_decision decision ON decision.submission_id = twin.id
              WHERE decision.reviewer_id = %(person)s
                AND NOT EXISTS (SELECT FROM review_decisionundo undone WHERE undone.decision_id = decision.id))
          OR EXISTS (
              SELECT FROM ({TWIN_KEYS.format(submission="item.submission_id")}) twin
              JOIN review_outcomeexposure exposure ON exposure.submission_id = twin.id
              WHERE exposure.person_id = %(person)s)
"""  # noqa: S608  (no value is part of the text)
ITEMS_FOR_PERSON = f"""
    SELECT item.id
    FROM review_reviewitem item
    WHERE item.state = 'open'
      AND (item.snoozed_until IS NULL OR item.snoozed_until <= statement_timestamp())
      AND (item.escalated_by_id IS NULL OR item.escalated_by_id <> %(person)s)
      AND NOT EXISTS (
          SELECT FROM review_decision decision
          WHERE decision.submission_id = item.submission_id AND decision.reviewer_id = %(person)s
            AND NOT EXISTS (SELECT FROM review_decisionundo undone WHERE undone.decision_id = decision.id))
      AND NOT EXISTS (
          SELECT FROM review_outcomeexposure exposure
          WHERE exposure.submission_id = item.submission_id AND exposure.person_id = %(person)s
            AND (NOT exposure.in_passing OR item.is_blind AND NOT item.outcome_may_be_known))
      AND NOT EXISTS (
          SELECT FROM review_gold gold
          WHERE gold.submission_id = item.submission_id AND gold.added_by_id = %(person)s)
      AND (NOT item.is_blind OR item.outcome_may_be_known OR NOT ({TWIN_OUTCOME_KNOWN}))
"""  # noqa: S608  (no value is part of the text)
OFFERED = """
      AND (item.reserved_for_id IS NULL OR item.reserved_for_id = %(person)s
           OR item.reserved_until <= statement_timestamp())
"""
# Only what a colleague's page fetched ahead.
PREFETCHED = """
      AND item.reserved_for_id <> %(person)s AND item.reserved_until > statement_timestamp() AND item.is_reserved_ahead
"""
NOT_ESCALATED = "AND NOT item.is_escalated"
NOT_SKIPPED = """
      AND NOT EXISTS (
          SELECT FROM review_skip skip WHERE skip.item_id = item.id AND skip.reviewer_id = %(person)s)
"""
RESERVED = "AND item.reserved_for_id = %(person)s"
FIRST = f"""
    ORDER BY {QUEUE_ORDER}
    LIMIT 1
    FOR UPDATE OF item SKIP LOCKED
"""
CLAIM = """
    UPDATE review_reviewitem
    SET state = 'claimed', claimed_by_id = %(person)s, claimed_at = statement_timestamp(),
        claim_expires_at = statement_timestamp() + %(lease)s,
        snoozed_until = NULL, reserved_for_id = NULL, reserved_until = NULL, is_reserved_ahead = false
    WHERE id = %(item)s AND state = 'open'
    RETURNING submission_id
"""
HELD = f"""
    SELECT statement_timestamp(), {columns(ReviewItem, "item")}
    FROM review_reviewitem item
    WHERE item.id = %(item)s AND item.state = 'claimed' AND item.claimed_by_id = %(person)s
      AND item.claim_expires_at > statement_timestamp()
    FOR UPDATE
"""  # noqa: S608  (names of our own columns)
SETTLE = """
    UPDATE review_reviewitem
    SET state = 'settling', settles_at = statement_timestamp() + %(window)s,
        claimed_by_id = NULL, claimed_at = NULL, claim_expires_at = NULL
    WHERE id = %(item)s AND state = 'claimed' AND claimed_by_id = %(person)s
      AND claim_expires_at > statement_timestamp()
"""
# Blinded is either an open or claimed blind item without a first call by this person, or an item with a decision
# (settling or decided) whose face still has a blind item that is not decided for good (the settling one itself counts),
# unless this person has judged the face.
BLINDED = """
    SELECT item.claim_expires_at - statement_timestamp(),
           CASE WHEN item.state IN ('open', 'claimed') THEN
               item.is_blind AND NOT EXISTS (
                   SELECT FROM review_firstcall made WHERE made.item_id = item.id AND made.reviewer_id = %(person)s)
           ELSE
               EXISTS (
                   SELECT FROM review_reviewitem again
                   WHERE again.submission_id = item.submission_id AND again.is_blind AND again.state <> 'decided')
               AND NOT EXISTS (
                   SELECT FROM review_decision decision
                   WHERE decision.submission_id = item.submission_id AND decision.reviewer_id = %(person)s
                     AND NOT EXISTS (SELECT FROM review_decisionundo undone WHERE undone.decision_id = decision.id))
           END
    FROM review_reviewitem item
    WHERE item.id = %(item)s
"""
UNDOABLE = """
    SELECT act.item, act.what, act.remaining
    FROM (
        SELECT item.id AS item, decision.label AS what, item.settles_at - statement_timestamp() AS remaining,
               decision.decided_at AS at
        FROM review_decision decision
        JOIN review_reviewitem item ON item.id = decision.item_id
        WHERE decision.reviewer_id = %(person)s AND item.state = 'settling' AND item.settles_at > statement_timestamp()
          AND NOT EXISTS (SELECT FROM review_decisionundo undone WHERE undone.decision_id = decision.id)
        UNION ALL
        SELECT item.id, aside.act, aside.put_aside_at + %(window)s - statement_timestamp(), aside.put_aside_at
        FROM review_putaside aside
        JOIN review_reviewitem item ON item.id = aside.item_id
        WHERE aside.reviewer_id = %(person)s AND aside.put_aside_at > statement_timestamp() - %(window)s
          AND item.state = 'open'
          AND (item.reserved_for_id IS NULL OR item.reserved_for_id IN (aside.reviewer_id, aside.handed_to_id))
    ) act
    ORDER BY act.item IS NOT DISTINCT FROM %(first)s DESC, act.at DESC
    LIMIT 1
"""


def lock_expired_claims() -> list[tuple[int, int, UUID]]:
    """(item, holder, submission) of claims whose time is over; locked."""
    return [(item, holder, submission) for item, holder, submission in fetch_all(EXPIRED, {})]


def tied_items(*, person: int) -> list[tuple[int, str]]:
    """(item, state) of what the person holds, and of what waits for them alone."""
    return [(item, state) for item, state in fetch_all(TIED, {"person": person})]


def lock_most_urgent(
    *,
    person: int,
    is_senior: bool,
    include_skipped: bool,
    only_reserved: bool = False,
    reserved_ahead: bool = False,
) -> int | None:
    """The first of the items that this person may take; locked.

    only_reserved: of those that wait for them alone. reserved_ahead: of those that colleagues' pages fetched ahead.
    """
    # Texts instead of values, so that each variant has a plan with the index that fits it.
    parts = [ITEMS_FOR_PERSON, PREFETCHED if reserved_ahead else OFFERED]
    parts += [] if is_senior else [NOT_ESCALATED]
    parts += [] if include_skipped else [NOT_SKIPPED]
    parts += [RESERVED] if only_reserved else []
    found = fetch_one("\n".join([*parts, FIRST]), {"person": person})
    return None if found is None else found[0]


def claim_item(*, item: int, person: int, lease: dt.timedelta) -> UUID:
    """Give the open item to this person until `lease` is over, and return its submission. Lock the item before."""
    [(submission,)] = fetch_all(CLAIM, {"item": item, "person": person, "lease": lease})
    return submission


def lock_held_item(*, item: int, person: int) -> tuple[dt.datetime, ReviewItem] | None:
    """The database's time and the item, if this person holds it; locked."""
    found = fetch_one(HELD, {"item": item, "person": person})
    return None if found is None else (found[0], instance(ReviewItem, found[1:]))


def begin_settling(*, item: int, person: int, window: dt.timedelta) -> bool:
    """Start the undo window of the holder's decision; False, and no change, when they no longer hold the item."""
    return change(SETTLE, {"item": item, "person": person, "window": window}) == 1


def claim_remaining_and_blindness(*, item: int, person: int) -> tuple[dt.timedelta | None, bool]:
    """How long the claim on the item lasts, if any, and whether its votes are hidden from a person who decides.

    A row that is gone is blinded.
    """
    found = fetch_one(BLINDED, {"item": item, "person": person})
    return (None, True) if found is None else (found[0], found[1])


def undoable_act(
    *, person: int, window: dt.timedelta, first: int | None = None
) -> tuple[int, str, dt.timedelta] | None:
    """(item, label of the decision or how it was put aside, time left) of the act on the item `first`, else of the
    latest, while it can be undone."""
    found = fetch_one(UNDOABLE, {"person": person, "window": window, "first": first})
    return None if found is None else (found[0], found[1], found[2])
