"""One person alone does not clear a picture that failed a check, was not checked, or that every vote calls fake."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.clearance import labels_needing_two
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.models import CheckResult, Scoring
from kyc_review.submissions.models import Submission
from kyc_review.workbench.presenters import TWO_PEOPLE
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
TOLD = r'data-testid="two-people">([^<]*)<'


def judge(person: User, label: str) -> ReviewItem:
    item = item_claim_next(reviewer=person)
    assert item is not None
    obstacle = "no_face" if label == "not_assessable" else ""
    decision_record(item_id=item.pk, reviewer=person, label=label, obstacle=obstacle)
    return item


def result_of(item: ReviewItem) -> str:
    return Submission.objects.get(pk=item.submission_id).result


def checked(item: ReviewItem, name: str, status: str, code: str, action: str = "review") -> ReviewItem:
    CheckResult.objects.create(submission=item.submission, name=name, status=status, code=code, action=action)
    return item


def unchecked(enqueue: Enqueue, reason: str) -> ReviewItem:
    item = enqueue(reason, 1.0)
    Scoring.objects.filter(submission=item.submission_id).delete()
    return item


@pytest.fixture
def no_face(enqueue: Enqueue) -> ReviewItem:
    return checked(enqueue("checks"), "face_found", "fail", "no_face")


@pytest.mark.parametrize(
    ("name", "code"),
    [("face_found", "no_face"), ("intact", "damaged"), ("pose", "not_upright"), ("face_visible", "occluded")],
)
def test_real_after_a_failed_check_waits_for_a_second_person(
    enqueue: Enqueue, alice: User, bob: User, name: str, code: str
) -> None:
    first = checked(enqueue("checks"), name, "fail", code)
    judge(alice, "real")
    assert result_of(first) == ""
    assert item_claim_next(reviewer=alice) is None
    second = judge(bob, "real")
    assert (second.reason, second.shown_reason, second.is_blind) == ("second_opinion", "checks", True)
    assert result_of(first) == "clear"


@pytest.mark.parametrize("reason", ["standstill", "unscorable"])
def test_real_without_any_check_waits_for_a_second_person(
    enqueue: Enqueue, alice: User, bob: User, reason: str
) -> None:
    first = unchecked(enqueue, reason)
    judge(alice, "real")
    assert result_of(first) == ""
    judge(bob, "real")
    assert result_of(first) == "clear"


def test_a_check_that_could_not_be_made_counts_like_a_failed_one(enqueue: Enqueue, alice: User) -> None:
    first = checked(enqueue("checks"), "face_found", "doubt", "check_failed")
    judge(alice, "real")
    assert result_of(first) == ""


@pytest.mark.parametrize(("status", "action"), [("doubt", "review"), ("fail", "ignore")])
def test_a_doubt_and_what_the_bank_ignores_need_one_person(
    enqueue: Enqueue, alice: User, status: str, action: str
) -> None:
    first = checked(enqueue("checks"), "pose", status, "turned_away", action)
    judge(alice, "real")
    assert result_of(first) == "clear"


def test_what_every_vote_calls_fake_is_cleared_by_two_people(
    enqueue: Enqueue, alice: User, bob: User
) -> None:
    first = enqueue("unanimous_fake", 0.8)
    judge(alice, "real")
    assert result_of(first) == ""
    second = judge(bob, "real")
    assert (second.reason, second.shown_reason, second.is_blind) == ("second_opinion", "unanimous_fake", True)
    assert result_of(first) == "clear"


def test_a_unanimous_fake_that_one_person_confirms_is_rejected(enqueue: Enqueue, alice: User) -> None:
    first = enqueue("unanimous_fake", 0.8)
    judge(alice, "fake")
    assert result_of(first) == "rejected"


def test_the_bank_may_let_one_person_clear_it(enqueue: Enqueue, alice: User, settings: LazySettings) -> None:
    settings.CLEARING_FAKES_NEEDS_TWO = False
    first = enqueue("unanimous_fake", 0.8)
    assert labels_needing_two(first) == frozenset()
    judge(alice, "real")
    assert result_of(first) == "clear"


def test_every_answer_above_the_set_risk_is_drawn_for_a_second_person(
    enqueue: Enqueue, alice: User, bob: User, settings: LazySettings
) -> None:
    settings.SECOND_REVIEW_SHARE, settings.SECOND_REVIEW_RISK = 1.0, 0.7
    risky, mild = enqueue("split_vote", 0.7), enqueue("split_vote", 0.69)
    assert labels_needing_two(risky) == {"real", "fake", "not_assessable"}
    assert labels_needing_two(mild) == frozenset()
    judge(alice, "fake"), judge(alice, "fake")
    assert (result_of(risky), result_of(mild)) == ("", "rejected")
    judge(bob, "fake")
    assert result_of(risky) == "rejected"


def test_the_page_names_the_answers_that_need_two_people(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User, settings: LazySettings
) -> None:
    def told(item: ReviewItem) -> str:
        browser, address = login(alice), f"/review/items/{item.pk}/"
        page = browser.get(address).text
        # The panel is swapped in again while the evidence is computed, with the alerts.
        assert re.findall(TOLD, browser.get(f"{address}evidence/").text) == re.findall(TOLD, page)
        found = re.search(TOLD, page)
        return found.group(1) if found else ""

    item = enqueue("unanimous_fake", 0.95)
    item_claim_next(reviewer=alice)
    assert told(item) == TWO_PEOPLE[frozenset({"real"})]
    settings.SECOND_REVIEW_FAKE_RISK = 0.9
    assert told(item) == TWO_PEOPLE[frozenset({"real", "fake"})]
    settings.CLEARING_FAKES_NEEDS_TWO = False
    assert told(item) == TWO_PEOPLE[frozenset({"fake"})]
    settings.SECOND_REVIEW_SHARE = 1.0
    assert told(item) == TWO_PEOPLE[frozenset({"real", "fake", "not_assessable"})]


@pytest.mark.parametrize(("label", "result"), [("fake", "rejected"), ("not_assessable", "resubmit")])
def test_other_answers_need_one_person(no_face: ReviewItem, alice: User, label: str, result: str) -> None:
    judge(alice, label)
    assert result_of(no_face) == result


def test_of_three_people_two_must_have_said_real(
    no_face: ReviewItem, alice: User, bob: User, staff: Callable, settings: Any
) -> None:
    settings.SECOND_REVIEW_FAKE_RISK = 0.0
    judge(alice, "fake")
    judge(bob, "not_assessable")
    judge(staff("carol", "reviewer"), "real")
    assert result_of(no_face) == ""
    judge(staff("dora", "reviewer"), "real")
    assert result_of(no_face) == "clear"


def test_one_person_cannot_correct_it_to_real_either(
    no_face: ReviewItem, alice: User, bob: User, staff: Callable
) -> None:
    judge(alice, "fake")
    sue = staff("sue", "senior")
    decision_correct(item_id=no_face.pk, corrector=sue, label="real")
    assert result_of(no_face) == "rejected"
    judge(bob, "real")
    assert result_of(no_face) == "clear"
    decision_correct(item_id=no_face.pk, corrector=sue, label="not_assessable", obstacle="no_face")
    assert result_of(no_face) == "resubmit"


def test_a_real_that_its_author_corrected_counts_no_longer(
    no_face: ReviewItem, alice: User, bob: User
) -> None:
    judge(alice, "real")
    second = judge(bob, "real")
    decision_correct(item_id=no_face.pk, corrector=alice, label="fake")
    decision_correct(item_id=second.pk, corrector=bob, label="fake")
    decision_correct(item_id=no_face.pk, corrector=alice, label="real")
    assert result_of(no_face) == "rejected"
    assert ReviewItem.objects.get(state="open").correction is not None


def test_the_page_says_so_before_the_first_decides_and_hides_it_of_a_blind_item(
    no_face: ReviewItem, login: Callable[[User], Client], alice: User
) -> None:
    assert item_claim_next(reviewer=alice)
    page = f"/review/items/{no_face.pk}/"
    assert 'data-testid="two-people"' in login(alice).get(page).text
    ReviewItem.objects.update(is_blind=True)
    assert 'data-testid="two-people"' not in login(alice).get(page).text


def test_a_picture_without_a_failed_check_says_nothing_of_two_people(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User
) -> None:
    item = checked(enqueue("checks"), "pose", "doubt", "turned_away")
    assert item_claim_next(reviewer=alice)
    text = login(alice).get(f"/review/items/{item.pk}/").text
    assert 'data-testid="two-people"' not in text
    assert "Picture checks were not made" not in text


def test_a_standstill_item_says_that_no_check_was_made(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User
) -> None:
    item = unchecked(enqueue, "standstill")
    assert item_claim_next(reviewer=alice)
    text = login(alice).get(f"/review/items/{item.pk}/").text
    assert "Picture checks were not made" in text
    assert 'data-testid="two-people"' in text
