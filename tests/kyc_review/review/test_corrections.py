"""A correction takes effect when another person, who does not know it, agrees."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client

from kyc_review.accounts.models import Integration, User
from kyc_review.datasets.snapshot_filters import ALL_FINAL
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.claims import ClaimLost
from kyc_review.review.corrections import (
    UNCHANGED,
    UNDER_REVIEW,
    CorrectionState,
    correction_state,
    decision_correct,
)
from kyc_review.review.decisions import TooLate, decision_record, decision_undo
from kyc_review.review.models import Decision, OutcomeExposure, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Endpoint, Event
from tests.factories.claims import claim_next, item_claim_next
from tests.factories.concurrency import at_once

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


@pytest.fixture(autouse=True)
def two_people(settings: LazySettings) -> None:
    settings.CORRECTIONS_NEED_TWO = True


@pytest.fixture(autouse=True)
def listening(integration: Integration) -> None:
    Endpoint.objects.create(integration=integration, url="https://bank.example/", secret="sealed")


def judge(person: User, label: str) -> ReviewItem:
    item = claim_next(person)
    obstacle = "blurred" if label == "not_assessable" else ""
    decision_record(item_id=item.pk, reviewer=person, label=label, obstacle=obstacle)
    return item


def result_of(item: ReviewItem) -> str:
    return Submission.objects.get(pk=item.submission_id).result


def sent() -> list[str]:
    return list(Event.objects.order_by("created_at", "pk").values_list("kind", flat=True))


@pytest.fixture
def cleared(enqueue: Enqueue, alice: User) -> ReviewItem:
    """An item of which alice said *real*, and now says that it is fake."""
    item = enqueue("split_vote", 0.4)
    judge(alice, "real")
    decision_correct(item_id=item.pk, corrector=alice, label="fake")
    return item


def test_no_outcome_changes_before_the_second_person_agrees(
    cleared: ReviewItem, alice: User, bob: User
) -> None:
    assert (result_of(cleared), sent()) == ("clear", ["submission.completed"])
    assert item_claim_next(reviewer=alice) is None, "the author of the correction is not asked"
    waiting = ReviewItem.objects.get(state="open")
    assert (waiting.shown_reason, waiting.is_blind, waiting.risk) == ("split_vote", True, 0.4)
    judge(bob, "fake")
    assert (result_of(cleared), sent()) == ("rejected", ["submission.completed", "submission.overturned"])


def test_a_third_person_settles_it_when_the_second_disagrees(
    cleared: ReviewItem, bob: User, staff: Callable
) -> None:
    judge(bob, "real")
    assert result_of(cleared) == "clear"
    third = judge(staff("carol", "reviewer"), "fake")
    assert (third.reason, third.correction_id is not None) == ("adjudication", True)
    assert result_of(cleared) == "rejected"


def test_a_correction_that_two_people_reject_changes_and_sends_nothing(
    cleared: ReviewItem, bob: User, staff: Callable
) -> None:
    judge(bob, "real")
    judge(staff("carol", "reviewer"), "real")
    assert (result_of(cleared), sent()) == ("clear", ["submission.completed"])
    latest = ALL_FINAL.decisions().get(submission=cleared.submission_id)
    assert latest.label == "real", "a snapshot holds the label that stands"


def test_the_page_says_what_became_of_a_correction(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User, bob: User, staff: Callable
) -> None:
    item = enqueue("split_vote", 0.4)
    judge(alice, "real")
    browser, page = login(alice), f"/review/items/{item.pk}/"
    assert "A second person" in browser.get(page).text
    answer = browser.post(f"{page}correction/", {"label": "fake"}, follow=True)
    assert answer.text.count(str(CorrectionState.WAITS.label)) == 2, (
        "in the message, and next to the correction"
    )
    judge(bob, "fake")
    assert str(CorrectionState.AGREED.label) in browser.get(page).text
    history = login(staff("audrey", "auditor")).get(f"/insights/submissions/{item.submission_id}/").text
    assert f"correction. {CorrectionState.AGREED.label}" in history


def test_training_waits_for_the_second_person(cleared: ReviewItem, bob: User) -> None:
    assert not ALL_FINAL.decisions().exists()
    judge(bob, "fake")
    assert ALL_FINAL.decisions().get().label == "fake"


def test_meanwhile_no_other_correction_begins(
    cleared: ReviewItem, alice: User, bob: User, staff: Callable
) -> None:
    sue = staff("sue", "senior")
    for corrector in (alice, sue):
        with pytest.raises(ClaimLost, match=str(UNDER_REVIEW)):
            decision_correct(
                item_id=cleared.pk, corrector=corrector, label="not_assessable", obstacle="blurred"
            )
    judge(bob, "fake")
    decision_correct(item_id=cleared.pk, corrector=sue, label="not_assessable", obstacle="blurred")
    assert result_of(cleared) == "rejected"


def test_what_is_no_correction_is_refused(cleared: ReviewItem, alice: User, bob: User) -> None:
    judge(bob, "fake")
    with pytest.raises(ClaimLost, match=str(UNCHANGED)):
        decision_correct(item_id=cleared.pk, corrector=alice, label="fake")


BOX = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}


def test_a_correction_of_what_was_marked_or_noted_needs_a_second_person_and_reports_nothing(
    enqueue: Enqueue, alice: User, bob: User
) -> None:
    item = enqueue("split_vote", 0.4)
    claim_next(alice)
    said: dict[str, Any] = {
        "parts": ["mouth", "eyes"],
        "methods": ["swap"],
        "regions": [BOX],
        "note": "A seam.",
    }
    decision_record(item_id=item.pk, reviewer=alice, label="fake", **said)
    same = said | {"parts": ["eyes", "mouth"], "regions": [dict(reversed(BOX.items()))], "note": ""}
    with pytest.raises(ClaimLost, match=str(UNCHANGED)):
        decision_correct(item_id=item.pk, corrector=alice, label="fake", **same)
    made = decision_correct(item_id=item.pk, corrector=alice, label="fake", **said | {"parts": ["nose"]})
    assert correction_state(made) == CorrectionState.WAITS
    judge(bob, "fake")
    assert (correction_state(made), result_of(item)) == (CorrectionState.AGREED, "rejected")
    assert sent() == ["submission.completed"]


@pytest.mark.parametrize(
    "changed", [{"regions": [BOX]}, {"methods": ["warp"]}, {"note": "At the chin."}, {"is_sure": False}]
)
def test_each_detail_can_be_corrected_alone(
    enqueue: Enqueue, alice: User, settings: LazySettings, changed: dict[str, Any]
) -> None:
    settings.CORRECTIONS_NEED_TWO = False
    item = enqueue("split_vote", 0.4)
    judge(alice, "fake")
    made = decision_correct(item_id=item.pk, corrector=alice, label="fake", **changed)
    opens_review = "is_sure" in changed  # doubt needs a second person, whatever the setting is
    assert correction_state(made) == (CorrectionState.WAITS if opens_review else CorrectionState.IN_EFFECT)


def test_a_note_on_what_is_cleared_by_two_people_needs_no_third(
    enqueue: Enqueue, alice: User, bob: User, settings: LazySettings
) -> None:
    settings.CORRECTIONS_NEED_TWO = False
    item = enqueue("unanimous_fake", 0.95)
    judge(alice, "real"), judge(bob, "real")
    decision_correct(item_id=item.pk, corrector=alice, label="real", note="Checked by phone.")
    assert (result_of(item), item_claim_next(reviewer=bob)) == ("clear", None)


def test_while_a_second_person_is_awaited_the_page_says_so_and_offers_no_correction(
    cleared: ReviewItem, login: Callable[[User], Client], alice: User, bob: User
) -> None:
    def offered() -> tuple[bool, bool]:
        text = login(alice).get(f"/review/items/{cleared.pk}/").text
        return "/correction/" in text, str(UNDER_REVIEW) in text

    assert offered() == (False, True)
    judge(bob, "fake")
    assert offered() == (True, False)


@pytest.mark.parametrize("reason", ["gold", "split_vote"])
def test_without_the_setting_a_calibration_item_waits_for_a_second_person_as_any_other(
    reason: str, enqueue: Enqueue, login: Callable[[User], Client], alice: User, settings: LazySettings
) -> None:
    settings.CORRECTIONS_NEED_TWO, settings.CLEARING_FAKES_NEEDS_TWO = False, True
    item = enqueue("unanimous_fake", 0.9)
    if reason == "gold":
        ReviewItem.objects.filter(pk=item.pk).update(reason="gold", masked_reason="unanimous_fake")
    judge(alice, "fake")
    browser, page = login(alice), f"/review/items/{item.pk}/"
    answer = browser.post(f"{page}correction/", {"label": "real"}, follow=True)
    assert str(CorrectionState.WAITS.label) in answer.text
    assert "Correct this decision" not in browser.get(page).text


def test_a_refused_correction_keeps_what_was_filled_in(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User
) -> None:
    item = enqueue("split_vote", 0.4)
    judge(alice, "real")
    answer = login(alice).post(
        f"/review/items/{item.pk}/correction/",
        {"label": "not_assessable", "note": "Too dark.", "unsure": "on"},
    )
    assert answer.status_code == 422
    form = answer.text.partition('class="correction"')[2]
    assert form.startswith(" open>")
    assert "State why it cannot be assessed" in form
    assert 'value="Too dark."' in form
    assert re.findall(r'(?:value="(\w+)"|name="(unsure)")\s+checked', form) == [
        ("not_assessable", ""),
        ("", "unsure"),
    ]


def test_a_refused_correction_shows_the_outcome_as_the_page_does_and_so_ends_blind_review(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User, staff: Callable[..., User]
) -> None:
    item, sara = enqueue("split_vote", 0.4), staff("sara", "senior")
    judge(alice, "real")
    login(sara).post(f"/review/items/{item.pk}/correction/", {"label": "not_assessable"})
    assert OutcomeExposure.objects.filter(submission=item.submission_id, person=sara).exists()


def test_the_form_of_a_correction_starts_with_what_was_said(
    enqueue: Enqueue, login: Callable[[User], Client], alice: User
) -> None:
    item = enqueue("split_vote", 0.4)
    claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake", parts=["nose"], methods=[], regions=[BOX])
    browser, page = login(alice), f"/review/items/{item.pk}/"
    form = browser.get(page).text.partition("/correction/")[2]
    checked = re.findall(r'value="(\w+)"\s+checked', form)
    assert checked == ["fake", "nose"]
    assert "&quot;width&quot;: 0.3" in form
    answer = browser.post(f"{page}correction/", {"label": "fake", "parts": "nose"}, follow=True)
    assert str(CorrectionState.WAITS.label) in answer.text, "the box was taken away"


def test_in_the_review_of_a_correction_no_outcome_changes_to_what_one_person_alone_says(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable
) -> None:
    item = enqueue("split_vote", 0.4)
    judge(alice, "fake")
    decision_correct(
        item_id=item.pk, corrector=staff("sue", "senior"), label="not_assessable", obstacle="blurred"
    )
    judge(bob, "fake"), judge(staff("carol", "reviewer"), "real")
    assert result_of(item) == "rejected"
    assert ReviewItem.objects.get(state="open").reason == "adjudication"
    judge(staff("dora", "reviewer"), "real")
    assert (result_of(item), sent()) == ("clear", ["submission.completed", "submission.overturned"])


def test_an_unsure_answer_to_a_calibration_item_seems_to_wait_as_any_other(
    enqueue: Enqueue, alice: User
) -> None:
    item = enqueue("split_vote", 0.4)
    ReviewItem.objects.filter(pk=item.pk).update(reason="gold", masked_reason="split_vote")
    Submission.objects.filter(pk=item.submission_id).update(
        state="completed", result="rejected", result_reason="reviewer_found_forged", completed_at=Now()
    )
    claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="real", is_sure=False)
    with pytest.raises(ClaimLost, match=str(UNDER_REVIEW)):
        decision_correct(item_id=item.pk, corrector=alice, label="fake")


def test_a_decision_of_two_people_is_corrected_by_two_others(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable
) -> None:
    first = enqueue("unanimous_fake", 0.95)
    judge(alice, "real")
    second = judge(bob, "real")
    assert result_of(first) == "clear"
    decision_correct(item_id=second.pk, corrector=staff("sue", "senior"), label="fake")
    assert result_of(first) == "clear"
    assert [item_claim_next(reviewer=person) for person in (alice, bob)] == [None, None]
    judge(staff("carol", "reviewer"), "fake")
    assert result_of(first) == "rejected"


def test_undo_of_the_second_persons_answer_leaves_the_correction_waiting(
    cleared: ReviewItem, bob: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 60
    second = judge(bob, "fake")
    decision_undo(item_id=second.pk, reviewer=bob)
    assert (result_of(cleared), sent()) == ("clear", ["submission.completed"])
    settings.UNDO_WINDOW_S = 0
    decision_record(item_id=second.pk, reviewer=bob, label="fake")
    assert result_of(cleared) == "rejected"


def test_the_first_person_undoes_nothing_while_the_second_looks(
    enqueue: Enqueue, alice: User, bob: User, settings: LazySettings
) -> None:
    first = enqueue("unanimous_fake", 0.95)
    judge(alice, "real")
    second = claim_next(bob)
    settings.UNDO_WINDOW_S = 60
    with pytest.raises(TooLate):
        decision_undo(item_id=first.pk, reviewer=alice)
    second.refresh_from_db()
    assert (second.state, second.claimed_by_id) == ("claimed", bob.pk)


def test_an_erasure_ends_what_waits_and_the_correction_has_no_effect(
    cleared: ReviewItem, alice: User, bob: User
) -> None:
    held = claim_next(bob)
    submission_erase(submission_id=cleared.submission_id, reason="The applicant asked.")
    with pytest.raises(ClaimLost, match="erased"):
        decision_record(item_id=held.pk, reviewer=bob, label="fake")
    assert result_of(cleared) == "clear"
    assert not ReviewItem.objects.exclude(state="decided").exists()


def test_a_corrected_calibration_item_looks_as_if_it_waited_and_opens_nothing(
    enqueue: Enqueue, alice: User
) -> None:
    item = enqueue("split_vote", 0.4)
    ReviewItem.objects.filter(pk=item.pk).update(reason="gold", masked_reason="split_vote")
    Submission.objects.filter(pk=item.submission_id).update(
        state="completed", result="rejected", result_reason="reviewer_found_forged", completed_at=Now()
    )
    judge(alice, "real")
    decision_correct(item_id=item.pk, corrector=alice, label="fake")
    assert ReviewItem.objects.count() == 1
    with pytest.raises(ClaimLost, match=str(UNDER_REVIEW)):
        decision_correct(item_id=item.pk, corrector=alice, label="real")
    assert result_of(item) == "rejected"


@pytest.mark.django_db(transaction=True)
def test_of_many_second_reviewers_who_claim_at_once_one_gets_the_item(
    cleared: ReviewItem, staff: Callable
) -> None:
    people = [staff(f"person{number}", "reviewer") for number in range(4)]
    claimed: list[int] = []

    def claim(person: User) -> None:
        if item := item_claim_next(reviewer=person):
            claimed.append(item.pk)
            decision_record(item_id=item.pk, reviewer=person, label="fake")

    at_once(people, claim)
    assert len(claimed) == 1
    assert result_of(cleared) == "rejected"
    assert Decision.objects.filter(submission=cleared.submission_id).count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_corrections_at_once_one_opens_a_review(
    enqueue: Enqueue, alice: User, staff: Callable
) -> None:
    item = enqueue("split_vote", 0.4)
    judge(alice, "real")
    refused: list[str] = []

    def correct(person: User) -> None:
        try:
            decision_correct(item_id=item.pk, corrector=person, label="fake")
        except ClaimLost as lost:
            refused.append(lost.detail)

    at_once([staff("sam", "senior"), staff("sue", "senior")], correct)
    assert refused == [UNDER_REVIEW]
    assert ReviewItem.objects.filter(submission=item.submission_id, state="open").count() == 1
