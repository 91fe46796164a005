from collections.abc import Callable

import pytest

from kyc_review.accounts.models import User
from kyc_review.review import selectors
from kyc_review.review.models import ReviewItem
from tests.factories.claims import expire, item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger(staff: Callable[..., User]) -> User:
    """A member of staff who lost their role."""
    person = staff("stranger", "reviewer")
    person.groups.clear()
    return person


def test_without_a_role_no_selector_tells_anything(claimed: ReviewItem, stranger: User) -> None:
    assert not selectors.queue_items(viewer=stranger).exists()
    assert selectors.queue_counts(viewer=stranger) == []
    assert not selectors.items_in_focus(viewer=stranger).exists()
    assert not selectors.items_held(viewer=stranger).exists()
    assert selectors.skipped_waiting(viewer=stranger) == 0


def test_items_in_focus_are_the_holders_alone(claimed: ReviewItem, alice: User, bob: User) -> None:
    assert list(selectors.items_in_focus(viewer=alice)) == [claimed]
    assert not selectors.items_in_focus(viewer=bob).exists()


def test_counts_take_expired_claims_for_waiting(claimed: ReviewItem, bob: User) -> None:
    (count,) = selectors.queue_counts(viewer=bob)
    assert (count.waiting, count.claimed) == (0, 1)
    expire(claimed)
    (count,) = selectors.queue_counts(viewer=bob)
    assert (count.waiting, count.claimed) == (1, 0)


def test_flagged_items_come_first_then_what_has_no_votes_then_what_only_a_check_doubts(
    enqueue: Callable[..., ReviewItem], alice: User
) -> None:
    reasons = ["audit", "checks", "standstill", "unscorable", "split_vote", "unanimous_fake"]
    for reason in reasons:
        enqueue(reason, risk=0.4)
    queue = selectors.queue_items(viewer=alice)
    assert [item.reason for item in queue] == reasons[::-1]
    assert [count.reason for count in selectors.queue_counts(viewer=alice)] == reasons[::-1]
    claimed = item_claim_next(reviewer=alice)
    assert claimed is not None
    assert claimed.reason == "unanimous_fake"


def test_a_filter_lists_what_its_count_counts(
    enqueue: Callable[..., ReviewItem], alice: User, staff: Callable[..., User]
) -> None:
    """To people who decide, blind items are first looks: no filter tells what is behind one."""
    audrey = staff("audrey", "auditor")
    open_one, blind_one = enqueue("checks"), enqueue("checks")
    enqueue("split_vote")
    ReviewItem.objects.filter(pk=blind_one.pk).update(is_blind=True)
    for viewer in (alice, audrey):
        for count in selectors.queue_counts(viewer=viewer):
            listed = selectors.queue_items(viewer=viewer, reason=count.reason)
            assert listed.count() == count.waiting + count.claimed
    assert list(selectors.queue_items(viewer=alice, reason="checks")) == [open_one]
    assert list(selectors.queue_items(viewer=alice, reason="first_look")) == [blind_one]
    assert set(selectors.queue_items(viewer=audrey, reason="checks")) == {open_one, blind_one}
