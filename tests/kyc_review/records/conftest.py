from collections.abc import Callable

import pytest

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
    first_call_record(item_id=item.pk, reviewer=alice, label="real")
    decision_record(
        item_id=item.pk, reviewer=alice, label="fake", parts=["eyes"], methods=["swap"], note="Left eye."
    )
    return Decision.objects.get(item=item)
