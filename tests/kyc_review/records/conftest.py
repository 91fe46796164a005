from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import Decision, ReviewItem
from tests.factories.claims import item_claim_next


@pytest.fixture
def judged(enqueue: Callable[..., ReviewItem], alice: User) -> Decision:
    """A blind item on which alice changed her mind: first real, then fake."""
    item = enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    held = item_claim_next(reviewer=alice)
    assert held is not None
    # She looks for a while. When she began is told by the handling time, which is not exact to the millisecond.
    ReviewItem.objects.filter(pk=item.pk).update(claimed_at=Now() - timedelta(seconds=5))
    first_call_record(item_id=item.pk, reviewer=alice, label="real")
    decision_record(
        item_id=item.pk, reviewer=alice, label="fake", parts=["eyes"], methods=["swap"], note="Left eye."
    )
    return Decision.objects.get(item=item)
