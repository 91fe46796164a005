"""A person who has seen the outcome is not asked to review a face; while a review is pending, it is
hidden."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.blinding import items_without_reviewer
from kyc_review.review.calibration import gold_add, gold_draw, gold_due
from kyc_review.review.decisions import decision_record, decisions_settle
from kyc_review.review.models import OutcomeExposure, ReviewItem
from kyc_review.review.release import item_hand_over
from tests.factories.claims import item_claim_next
from tests.factories.pages import collapsed

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
HIDDEN = "A blind review of this face is pending"


@pytest.fixture
def sara(staff: Callable[..., User]) -> User:
    return staff("sara", "senior")


@pytest.fixture
def decided(enqueue: Enqueue, alice: User, settings: Any) -> ReviewItem:
    """A risky fake of alice's that can still be taken back; then a second person is asked."""
    settings.SECOND_REVIEW_FAKE_RISK, settings.UNDO_WINDOW_S = 0.9, 10
    enqueue("unanimous_fake", 0.95)
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="fake", note="the seam at the nose")
    return item


def settle() -> ReviewItem:
    """The seconds of undo are over; the second review that was opened."""
    ReviewItem.objects.filter(state="settling").update(settles_at="2026-01-01T00:00:00Z")
    decisions_settle()
    return ReviewItem.objects.get(state="open")


def test_a_senior_who_read_the_decision_is_no_second_reviewer(
    decided: ReviewItem, sara: User, bob: User, login: Login
) -> None:
    assert "the seam at the nose" in login(sara).get(f"/review/items/{decided.pk}/").text
    second = settle()
    assert second.reason == "second_opinion"
    assert item_claim_next(reviewer=sara) is None
    assert item_claim_next(reviewer=bob) == second
    item_hand_over(item_id=second.pk, reviewer=bob, to=sara)
    assert item_claim_next(reviewer=sara) is None, "a refusal would have told that it is a second review"


def test_the_submission_s_history_counts_as_reading_too(
    decided: ReviewItem, sara: User, login: Login
) -> None:
    assert "the seam at the nose" in login(sara).get(f"/insights/submissions/{decided.submission_id}/").text
    settle()
    assert item_claim_next(reviewer=sara) is None


def test_who_only_looks_at_the_queue_or_an_undecided_item_stays_eligible(
    enqueue: Enqueue, sara: User, login: Login
) -> None:
    item = enqueue("split_vote", 0.4)
    window = login(sara)
    for page in ("/review/", f"/review/items/{item.pk}/", f"/insights/submissions/{item.submission_id}/"):
        assert window.get(page).status_code == 200
    assert item_claim_next(reviewer=sara) == item


def test_while_a_second_review_waits_the_first_is_hidden_from_those_who_may_be_asked(
    decided: ReviewItem, alice: User, sara: User, staff: Callable[..., User], login: Login
) -> None:
    second = settle()
    page = collapsed(login(sara).get(f"/review/items/{decided.pk}/"))
    assert HIDDEN in page
    for said in ("the seam at the nose", "Decided <strong>", 'data-testid="votes"', "Correct"):
        assert said not in page
    assert "say fake" not in login(sara).get(f"/review/items/{decided.pk}/evidence/").text
    assert item_claim_next(reviewer=sara) == second, "who saw nothing may be asked"
    decision_record(item_id=second.pk, reviewer=sara, label="fake")
    settled = ReviewItem.objects.filter(state="settling")
    settled.update(settles_at="2026-01-01T00:00:00Z")
    decisions_settle()
    late = login(staff("sam", "senior")).get(f"/review/items/{decided.pk}/").text
    assert "the seam at the nose" in late, "shown once no review is pending"


def test_its_judge_sees_the_own_decision_all_the_while(
    decided: ReviewItem, alice: User, login: Login
) -> None:
    settle()
    page = login(alice).get(f"/review/items/{decided.pk}/").text
    assert "the seam at the nose" in page
    assert HIDDEN not in page
    assert not OutcomeExposure.objects.exists()


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_people_who_are_never_asked_read_on_and_are_not_noted(
    decided: ReviewItem, staff: Callable[..., User], login: Login, role: str
) -> None:
    settle()
    page = login(staff("person", role)).get(f"/insights/submissions/{decided.submission_id}/").text
    assert "the seam at the nose" in page
    assert not OutcomeExposure.objects.exists()


def test_gold_is_not_given_to_those_who_read_its_answer(
    enqueue: Enqueue,
    alice: User,
    bob: User,
    sara: User,
    staff: Callable[..., User],
    login: Login,
    settings: Any,
) -> None:
    settings.GOLD_RATE = 1.0
    item = enqueue("split_vote", 0.4)
    item_claim_next(reviewer=alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    login(sara).get(f"/review/items/{item.pk}/")
    sam = staff("sam", "senior")
    gold_add(submission_id=item.submission_id, senior=sam, label="fake")
    gold_draw(opened=1)
    (gold,) = gold_due()
    gold.save()
    assert [item_claim_next(reviewer=person) for person in (alice, sara, sam, bob)] == [
        None,
        None,
        None,
        gold,
    ]
    gold.delete()
    OutcomeExposure.objects.create(submission=item.submission, person=bob)
    assert gold_draw(opened=1) == 0, "no one is left"


def test_when_nobody_is_left_the_queue_says_so(
    decided: ReviewItem, alice: User, sara: User, staff: Callable[..., User], login: Login
) -> None:
    window = login(sara)
    window.get(f"/review/items/{decided.pk}/")
    settle()
    assert items_without_reviewer() == 1
    told = window.post("/review/items/next/", follow=True).text
    assert "Nothing that waits is for you now" in told
    assert 'data-testid="without-reviewer"' in told
    assert "1 item with no reviewer left" in told
    staff("carol", "reviewer")
    assert items_without_reviewer() == 0
    assert 'data-testid="without-reviewer"' not in window.post("/review/items/next/", follow=True).text


def test_an_escalated_item_without_another_senior_is_counted(
    enqueue: Callable[..., ReviewItem], alice: User, sara: User, staff: Callable[..., User]
) -> None:
    item = enqueue()
    ReviewItem.objects.filter(pk=item.pk).update(is_escalated=True, escalated_by=sara)
    assert items_without_reviewer() == 1
    staff("sue", "senior")
    assert items_without_reviewer() == 0
