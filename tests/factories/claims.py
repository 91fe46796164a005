"""Claims of the next item, and what time does to them."""

from datetime import timedelta

from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.review.claims import item_claim_next
from kyc_review.review.models import ReviewItem


def claim_next(reviewer: User) -> ReviewItem:
    """The item that `reviewer` now holds; the test fails where none waits."""
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    return item


def expire(item: ReviewItem) -> None:
    """Let the claim's time be over, by the database's clock."""
    ReviewItem.objects.filter(pk=item.pk).update(claim_expires_at=Now() - timedelta(seconds=1))
