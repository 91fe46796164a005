"""Masks the queue position of items whose own position would reveal them, by positions of ordinary items.

Audits are low in risk and would come last, and gold was chosen by a person; so both get the reason and risk
of a random recent ordinary item. In the queue they cannot be distinguished.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from .models import ReviewItem
from .models.reasons import ORDINARY

GIVEN_AWAY = frozenset({ReviewItem.Reason.GOLD, ReviewItem.Reason.AUDIT})
ROWS_READ = 200  # by the primary key: as cheap in a long queue as in a short one

# A place need not be unguessable to a program, only to a person.
_dice = random.Random()  # noqa: S311


def mask_positions(items: Iterable[ReviewItem]) -> None:
    """Set `queue_reason` and `queue_risk` of those unsaved items that need it; one query if any does, else none."""
    hidden = [item for item in items if item.reason in GIVEN_AWAY]
    if not hidden:
        return
    recent = ReviewItem.objects.order_by("-pk").values_list("reason", "risk")[:ROWS_READ]
    ordinary = [(reason, risk) for reason, risk in recent if reason in ORDINARY]
    for item in hidden:
        item.queue_reason, item.queue_risk = (
            _dice.choice(ordinary) if ordinary else (ReviewItem.Reason.SPLIT_VOTE, _dice.random())
        )
