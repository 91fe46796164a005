"""Figures about people: intervals against published values, the consensus, and who sees what."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, Gold, ReviewItem
from kyc_review.review.quality import RECENT_DECISIONS, USUAL_MIN, Pace, qualities
from tests.factories.claims import item_claim_next


@pytest.fixture
def gold_answers(claimed: ReviewItem, alice: User, bob: User) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    Gold.objects.create(submission_id=claimed.submission_id, label="fake", added_by=alice)
    item = ReviewItem.objects.create(submission_id=claimed.submission_id, reason="gold", risk=0.5)
    assert item_claim_next(reviewer=bob) == item
    decision_record(item_id=item.pk, reviewer=bob, label="real")


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


def test_a_pace_far_below_the_persons_own_is_fast_and_needs_enough_decisions() -> None:
    usual = [8000] * USUAL_MIN
    assert Pace.of([3999] * RECENT_DECISIONS + usual) == Pace(3.999, 8.0)
    assert Pace.of([3999] * RECENT_DECISIONS + usual).is_fast
    assert not Pace.of([4000] * RECENT_DECISIONS + usual).is_fast
    assert not Pace.of([100] * RECENT_DECISIONS + usual[1:]).is_fast
    assert Pace.of([100] * (RECENT_DECISIONS - 1)) == Pace(None, None)


@pytest.mark.django_db
def test_the_page_flags_a_fast_person_to_seniors_and_tells_it_to_them_kindly(
    claimed: ReviewItem, alice: User, bob: User, staff: Callable, login: Callable[[User], Client]
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="real")
    said = {"item": claimed, "submission": claimed.submission, "label": "real"}
    times = [8000] * USUAL_MIN + [2000] * RECENT_DECISIONS
    Decision.objects.bulk_create(Decision(reviewer=alice, handling_ms=ms, **said) for ms in times)
    Decision.objects.bulk_create(Decision(reviewer=bob, handling_ms=2000, **said) for _ in times)
    page = login(staff("sue", "senior")).get("/review/quality/").text
    assert page.count('data-testid="fast"') == 1
    assert "fast: 2.0 s" in page
    assert 'data-testid="own-pace"' in login(alice).get("/review/quality/").text
    assert 'data-testid="own-pace"' not in login(bob).get("/review/quality/").text
