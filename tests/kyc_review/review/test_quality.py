"""Figures about people: intervals against published values, the consensus, and who sees what."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.review import services
from kyc_review.review.models import Gold, ReviewItem
from kyc_review.review.quality import qualities


@pytest.fixture
def gold_answers(claimed: ReviewItem, alice: User, bob: User) -> None:
    services.decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    Gold.objects.create(submission_id=claimed.submission_id, label="fake", added_by=alice)
    item = ReviewItem.objects.create(submission_id=claimed.submission_id, reason="gold", risk=0.5)
    assert services.item_claim_next(reviewer=bob) == item
    services.decision_record(item_id=item.pk, reviewer=bob, label="real")


@pytest.mark.django_db
@pytest.mark.usefixtures("gold_answers")
def test_reviewers_see_themselves_seniors_everybody_strangers_nobody(
    alice: User, bob: User, staff: Callable
) -> None:
    def names(viewer: User) -> list[str]:
        return [row.person.username for row in qualities(viewer=viewer)]

    assert names(bob) == ["bob"]
    assert names(staff("sue", "senior")) == ["alice", "bob"]
    stranger = staff("stranger", "reviewer")
    stranger.groups.clear()
    assert names(User.objects.get(pk=stranger.pk)) == []
    (own,) = qualities(viewer=bob)
    assert (own.decisions, own.gold.total, own.agreement.total) == (1, 0, 0)
    (own,) = qualities(viewer=bob, now=timezone.now() + timedelta(days=1))
    assert (own.gold.right, own.gold.total, own.agreement.total) == (0, 1, 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("gold_answers")
def test_the_page_explains_that_errors_are_expected(login: Callable[[User], Client], bob: User) -> None:
    page = login(bob).get("/review/quality/").text
    assert "No known answers yet." in page
    assert "Edited photographs are difficult" in page
    assert "alice" not in page
