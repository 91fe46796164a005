"""The record of who looked at a face."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyc_review.audit import services as audit

from .models import ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


def item_view_record(*, item: ReviewItem, viewer: User) -> None:
    """Write to the audit log that somebody saw a face without holding its item; a claim is itself a record."""
    if viewer.pk not in (item.claimed_by_id, item.reserved_for_id):
        audit.record(action="item.looked_at", actor=viewer, target=item)
