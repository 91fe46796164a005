"""Undo of what a reviewer did last: a decision within `UNDO_WINDOW_S` (`decisions.py`), or a release (`release.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decisions import decision_undo
from .models import ReviewItem
from .release import release_undo

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def act_undo(*, item_id: int, reviewer: User) -> None:
    """Undo what the person did last to the item: their decision, or that they put it aside. Raises TooLate."""
    is_decided = ReviewItem.objects.filter(pk=item_id, state=ReviewItem.State.SETTLING).exists()
    undo = decision_undo if is_decided else release_undo
    undo(item_id=item_id, reviewer=reviewer)
