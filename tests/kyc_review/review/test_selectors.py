from collections.abc import Callable

import pytest

from kyc_review.accounts.models import User
from kyc_review.review import selectors
from kyc_review.review.models import ReviewItem
from tests.factories.claims import expire

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
