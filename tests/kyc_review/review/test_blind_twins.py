"""People who know what came of a picture do not judge it blind under another reference, unless no one else is left."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.core.errors import DomainError
from kyc_review.evidence.models import Likeness
from kyc_review.review.blinding import (
    exceptions_renew,
    outcomes_seen_record,
    reviewer_shortages,
)
from kyc_review.review.claims import items_for
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, DecisionUndo, OutcomeExposure, ReviewItem
from kyc_review.review.release import item_hand_over
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
Staff = Callable[..., User]


def twins(later: Submission, earlier: Submission) -> None:
    Likeness.objects.create(submission=later, earlier=earlier, bits_apart=0, same_file=True)


def judge(item: ReviewItem, reviewer: User) -> Decision:
    return Decision.objects.create(
        item=item, submission=item.submission, reviewer=reviewer, label="fake", handling_ms=1
    )


def reject(item: ReviewItem, reviewer: User) -> None:
    """The item as the reviewer decided it."""
    judge(item, reviewer)
    ReviewItem.objects.filter(pk=item.pk).update(state="decided", decided_at=Now())
    Submission.objects.filter(pk=item.submission_id).update(
        state="completed", result="rejected", result_reason="reviewer_found_forged", completed_at=Now()
    )
    item.submission.refresh_from_db()


@pytest.fixture
def known(enqueue: Enqueue, staff: Staff) -> ReviewItem:
    """A rejected item, decided by somebody who has left."""
    item = enqueue(applicant_ref="p-1")
    left = staff("left", "reviewer")
    reject(item, left)
    User.objects.filter(pk=left.pk).update(is_active=False)
    return item


@pytest.fixture
def blind(enqueue: Enqueue, known: ReviewItem) -> ReviewItem:
    """The same picture, to be judged blind."""
    item = enqueue(applicant_ref="p-2")
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    twins(item.submission, known.submission)
    return item


def offered(person: User) -> list[ReviewItem]:
    return list(items_for(person.pk, is_senior=person.has_role("senior")))


def learn(how: str, known: ReviewItem, blind: ReviewItem, person: User) -> None:
    if how == "decided the twin":
        judge(known, person)
    elif how == "read the twin":
        outcomes_seen_record(submissions=[known.submission], viewer=person)
    elif how == "saw the twin in passing":
        outcomes_seen_record(submissions=[known.submission], viewer=person, in_passing=True)
    else:
        Submission.objects.filter(pk=blind.submission_id).update(
            state="completed", result="clear", result_reason="models_agree", completed_at=Now()
        )
        row = Submission.objects.get(pk=blind.submission_id)
        outcomes_seen_record(submissions=[row], viewer=person, in_passing=True)


HOW = ["decided the twin", "read the twin", "saw the twin in passing", "saw its own outcome in passing"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("is_later", [False, True])
def test_a_blind_item_goes_to_somebody_who_does_not_know_the_picture(
    known: ReviewItem, blind: ReviewItem, alice: User, bob: User, how: str, is_later: bool
) -> None:
    if is_later:
        Likeness.objects.update(submission=known.submission, earlier=blind.submission)
    learn(how, known, blind, alice)
    assert (offered(alice), offered(bob)) == ([], [blind])
    assert exceptions_renew() == 0, "bob is left"
    assert item_claim_next(reviewer=alice) is None
    assert item_claim_next(reviewer=bob) == blind


@pytest.mark.parametrize("how", HOW)
def test_if_everybody_knows_the_picture_they_may_judge_it_and_the_queue_says_so(
    known: ReviewItem, blind: ReviewItem, alice: User, staff: Staff, login: Login, how: str
) -> None:
    learn(how, known, blind, alice)
    assert offered(alice) == []
    assert exceptions_renew() == 1
    assert reviewer_shortages() == (0, 1)
    assert 'data-testid="for-those-who-know"' in login(alice).get(reverse("review:queue")).text
    assert offered(alice) == [blind]
    carol = staff("carol", "reviewer")
    assert exceptions_renew() == 1
    assert (offered(alice), offered(carol), reviewer_shortages().for_those_who_know) == ([], [blind], 0)
    assert 'data-testid="for-those-who-know"' not in login(alice).get(reverse("review:queue")).text
    User.objects.filter(pk=carol.pk).update(is_active=False)
    assert (exceptions_renew(), exceptions_renew()) == (1, 0)
    assert item_claim_next(reviewer=alice) == blind


def test_who_decided_or_read_the_item_itself_never_judges_it_again(
    known: ReviewItem, blind: ReviewItem, alice: User
) -> None:
    learn("decided the twin", known, blind, alice)
    OutcomeExposure.objects.create(submission=blind.submission, person=alice)
    ReviewItem.objects.filter(pk=blind.pk).update(reason="twin_rejected")
    exceptions_renew()
    assert offered(alice) == []
    assert reviewer_shortages() == (1, 0)


def test_an_escalated_item_needs_a_senior_who_does_not_know_the_picture(
    known: ReviewItem, blind: ReviewItem, alice: User, staff: Staff
) -> None:
    sara = staff("sara", "senior")
    learn("decided the twin", known, blind, sara)
    assert exceptions_renew() == 0, "alice is left"
    ReviewItem.objects.filter(pk=blind.pk).update(is_escalated=True, escalated_by=alice)
    assert exceptions_renew() == 1
    assert (offered(alice), offered(sara)) == ([], [blind])


def test_an_open_item_goes_to_everybody_and_an_undone_decision_is_not_known(
    known: ReviewItem, blind: ReviewItem, alice: User
) -> None:
    said = judge(known, alice)
    assert offered(alice) == []
    ReviewItem.objects.filter(pk=blind.pk).update(is_blind=False)
    assert offered(alice) == [blind], "its votes and twins are shown anyway"
    ReviewItem.objects.filter(pk=blind.pk).update(is_blind=True)
    DecisionUndo.objects.create(decision=said)
    assert offered(alice) == [blind]


def test_a_blind_item_that_is_handed_to_somebody_who_knows_the_picture_waits_like_any_other(
    known: ReviewItem, blind: ReviewItem, alice: User, bob: User, staff: Staff
) -> None:
    learn("decided the twin", known, blind, bob)
    assert item_claim_next(reviewer=alice) == blind
    item_hand_over(item_id=blind.pk, reviewer=alice, to=bob)
    for person in (bob, alice, staff("carol", "reviewer")):
        assert item_claim_next(reviewer=person) is None


def test_a_later_full_look_counts_as_such(known: ReviewItem, alice: User) -> None:
    outcomes_seen_record(submissions=[known.submission], viewer=alice, in_passing=True)
    assert OutcomeExposure.objects.get(person=alice).in_passing
    outcomes_seen_record(submissions=[known.submission], viewer=alice)
    assert not OutcomeExposure.objects.get(person=alice).in_passing
    outcomes_seen_record(submissions=[known.submission], viewer=alice, in_passing=True)
    assert not OutcomeExposure.objects.get(person=alice).in_passing


@pytest.mark.parametrize("page", ["item", "panel", "comparisons"])
def test_pages_that_tell_outcomes_of_other_submissions_note_who_was_shown_them(
    enqueue: Enqueue, known: ReviewItem, login: Login, staff: Staff, page: str
) -> None:
    sara = staff("sara", "senior")
    shown = enqueue(applicant_ref="p-3")
    undecided = enqueue(applicant_ref="p-3")
    for twin in (shown, undecided):
        twins(twin.submission, known.submission)
    assert item_claim_next(reviewer=sara) == shown
    address = {
        "item": reverse("review:item", args=[shown.pk]),
        "panel": reverse("evidence:panel", args=[shown.pk]),
        "comparisons": reverse("evidence:comparisons", args=[shown.pk]),
    }[page]
    assert login(sara).get(address).status_code == 200
    told = list(OutcomeExposure.objects.filter(person=sara).values_list("submission", "in_passing"))
    assert told == [(known.submission_id, True)]


def test_browsing_lists_hides_what_answers_a_blind_item_and_takes_nobody_from_it(
    known: ReviewItem, blind: ReviewItem, enqueue: Enqueue, login: Login, staff: Staff, alice: User
) -> None:
    """The group has a third member, and its results, like those of the search, are told once the copy is judged."""
    sara = staff("sara", "senior")
    other = enqueue(applicant_ref="p-3")
    reject(other, alice)
    twins(blind.submission, other.submission)
    twins(other.submission, known.submission)
    lists = [reverse("insights:search"), reverse("review:campaigns")]
    by_result = reverse("insights:search") + "?result=rejected"
    for page in lists:
        told = login(sara).get(page).text
        assert "hidden" in told.split("<tbody>")[1]
        assert "ejected" not in told.split("<tbody>")[1]
    assert "queued-" not in login(sara).get(by_result).text.split("<tbody>")[1]
    assert not OutcomeExposure.objects.exists()
    assert offered(sara) == [blind]
    reject(blind, alice)
    for page in (*lists, by_result):
        assert ">hidden<" not in login(sara).get(page).text


def test_before_the_first_call_no_outcome_is_told_and_none_is_noted(
    blind: ReviewItem, alice: User, login: Login
) -> None:
    assert item_claim_next(reviewer=alice) == blind
    for name in ("review:item", "evidence:panel", "evidence:comparisons"):
        login(alice).get(reverse(name, args=[blind.pk]))
    assert not OutcomeExposure.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_claim_at_the_same_time_nobody_judges_two_copies_of_a_picture_blind(
    enqueue: Enqueue, staff: Staff
) -> None:
    items = [enqueue() for _ in range(6)]
    ReviewItem.objects.update(is_blind=True)
    for number, later in enumerate(items):
        for earlier in items[:number]:
            twins(later.submission, earlier.submission)
    people = [staff(f"person-{number}", "reviewer") for number in range(4)]
    barrier = Barrier(len(people) * 2)

    def work(person: User) -> int:
        """One of the person's two tabs."""
        decided = 0
        try:
            barrier.wait(60)
            for _ in range(4):
                item = item_claim_next(reviewer=person)
                if item is None:
                    continue
                try:
                    decision_record(item_id=item.pk, reviewer=person, label="fake")
                    decided += 1
                except DomainError:
                    pass  # their other tab was faster
        finally:
            connection.close()
        return decided

    with ThreadPoolExecutor(len(people) * 2) as pool:
        assert sum(pool.map(work, people * 2)) == len(people)
    assert Decision.objects.count() == len(people)
    assert Decision.objects.values("reviewer").distinct().count() == len(people)
    assert ReviewItem.objects.filter(state="open").count() == 2
    assert exceptions_renew() == 2
    assert item_claim_next(reviewer=people[0]) is not None
