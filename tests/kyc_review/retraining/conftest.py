from collections.abc import Callable

import pytest

from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.services import decision_record, item_claim_next
from kyc_review.scoring.leases import lease_batch
from kyc_review.scoring.routing import Scored, verdicts_record


@pytest.fixture
def decide(submit: Callable, alice: User) -> Callable[..., Decision]:
    """decide("fake") takes one new submission the whole way: posted, flagged, claimed, decided by alice."""

    def make(label: str, **fields: object) -> Decision:
        row = submit(**fields)
        lease_batch(holder="test", limit=1)
        votes = [Vote(f"member-{i}", 0.8, 0.5) for i in range(4)] + [Vote("stack", 0.1, 0.5)]
        verdicts_record(
            holder="test",
            bundle_version="test-1",
            bundle_digest="d" * 64,
            scored={row.pk: Scored(votes=votes, elapsed_ms=1.0)},
        )
        item = item_claim_next(reviewer=alice)
        assert isinstance(item, ReviewItem)
        decision_record(item_id=item.pk, reviewer=alice, label=label)
        return Decision.objects.get(item=item)

    return make
