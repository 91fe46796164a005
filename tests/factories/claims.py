"""Claims of the next item, and what time does to them."""

from datetime import timedelta

from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.review import claims
from kyc_review.review.models import ReviewItem


def item_claim_next(*, reviewer: User, include_skipped: bool = False) -> ReviewItem | None:
    """The item that `reviewer` now holds, read from the database; None when none waits."""
    pk = claims.claim_next(reviewer=reviewer, include_skipped=include_skipped)
    return None if pk is None else ReviewItem.objects.get(pk=pk)


def claim_next(reviewer: User) -> ReviewItem:
    """The item that `reviewer` now holds; the test fails where none waits."""
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    return item


def expire(item: ReviewItem) -> None:
    """Let the claim's time be over, by the database's clock."""
    ReviewItem.objects.filter(pk=item.pk).update(claim_expires_at=Now() - timedelta(seconds=1))
