"""An appeal asks somebody who has not seen the picture, changes the result only by their answer, and is made once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import Integration, User
from kyc_review.audit.models import Event as AuditEvent
from kyc_review.evidence.models import Evidence
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.appeals import AppealNotYet, AppealRefused, appeal_by_integration, appeal_by_senior
from kyc_review.review.blinding import items_without_reviewer
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import CaseComment, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Endpoint, Event
from tests.factories.claims import item_claim_next
from tests.factories.concurrency import until_a_lock_is_waited_for

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Staff = Callable[..., User]
DECIDED, OVERTURNED = "submission.appeal_decided", "submission.overturned"


@pytest.fixture
def sara(staff: Staff) -> User:
    return staff("sara", "senior")


@pytest.fixture
def rejected(enqueue: Enqueue, integration: Integration, alice: User) -> Submission:
    """A submission that alice rejected."""
    Endpoint.objects.create(integration=integration, url="https://bank.example/hook", secret="x")
    enqueue("split_vote", 0.4)
    return decide(alice, "fake").submission


def decide(reviewer: User, label: str) -> ReviewItem:
    item = item_claim_next(reviewer=reviewer)
    assert item is not None
    obstacle = {"obstacle": "blurred"} if label == "not_assessable" else {}
    decision_record(item_id=item.pk, reviewer=reviewer, label=label, **obstacle)
    return ReviewItem.objects.get(pk=item.pk)


def told(row: Submission) -> list[str]:
    kinds = Event.objects.filter(submission=row).order_by("created_at").values_list("kind", flat=True)
    return list(kinds)[1:]  # without the first result


def result_of(row: Submission) -> str:
    return Submission.objects.get(pk=row.pk).result


def test_it_opens_a_blind_item_like_any_other_for_somebody_who_did_not_judge(
    rejected: Submission, alice: User, bob: User, sara: User, login: Callable[[User], Client]
) -> None:
    appeal_by_senior(submission_id=rejected.pk, senior=sara, text=" It is really me. ")
    item = ReviewItem.objects.get(state="open")
    assert (item.reason, item.shown_reason, item.is_blind, item.risk) == ("appeal", "split_vote", True, 0.4)
    assert Evidence.objects.filter(submission=rejected).exists()
    assert CaseComment.objects.get().text == "It is really me."
    appealed = AuditEvent.objects.get(action="submission.appealed")
    assert (appealed.actor_name, appealed.detail) == ("sara", {"result": "rejected"})
    assert result_of(rejected) == "rejected", "it stands until somebody says otherwise"
    assert item_claim_next(reviewer=alice) is None
    assert item_claim_next(reviewer=bob) == item
    page = login(bob).get(reverse("review:item", args=[item.pk])).text
    assert "ppeal" not in page


@pytest.mark.parametrize(
    ("label", "result", "events"),
    [
        ("real", "clear", [OVERTURNED, DECIDED]),
        ("fake", "rejected", [DECIDED]),
        ("not_assessable", "resubmit", [OVERTURNED, DECIDED]),
    ],
)
def test_the_answer_is_the_result_and_the_integration_hears_of_it(
    rejected: Submission, integration: Integration, bob: User, label: str, result: str, events: list[str]
) -> None:
    appeal = appeal_by_integration(submission_id=rejected.pk, integration=integration)
    assert told(rejected) == []
    decide(bob, label)
    assert (result_of(rejected), told(rejected)) == (result, events)
    appeal.refresh_from_db()
    assert appeal.answered_at is not None


def test_an_answer_that_differs_needs_two_people_where_corrections_do(
    rejected: Submission, bob: User, sara: User, staff: Staff, settings: LazySettings
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    carol = staff("carol", "reviewer")
    appeal_by_senior(submission_id=rejected.pk, senior=sara, text="")
    decide(bob, "real")
    assert (result_of(rejected), told(rejected)) == ("rejected", [])
    assert item_claim_next(reviewer=bob) is None
    assert decide(carol, "real").reason == "adjudication"
    assert (result_of(rejected), told(rejected)) == ("clear", [OVERTURNED, DECIDED])


@pytest.mark.parametrize("needs_two", [True, False])
def test_where_corrections_need_two_one_person_alone_does_not_clear_after_another_could_not_assess_it(
    rejected: Submission, bob: User, sara: User, staff: Staff, settings: LazySettings, needs_two: bool
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    appeal_by_senior(submission_id=rejected.pk, senior=sara, text="")
    decide(bob, "not_assessable")
    settings.CORRECTIONS_NEED_TWO = needs_two
    decide(staff("carol", "reviewer"), "real")
    assert result_of(rejected) == ("rejected" if needs_two else "clear")
    if needs_two:
        decide(staff("dora", "reviewer"), "real")
        assert (result_of(rejected), told(rejected)) == ("clear", [OVERTURNED, DECIDED])


def test_an_answer_that_confirms_the_result_needs_one(
    rejected: Submission, bob: User, sara: User, settings: LazySettings
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    appeal_by_senior(submission_id=rejected.pk, senior=sara, text="")
    decide(bob, "fake")
    assert (told(rejected), ReviewItem.objects.filter(state="open").count()) == ([DECIDED], 0)


@pytest.mark.parametrize("how", ["again", "cleared", "in review", "pending", "erased"])
def test_what_cannot_be_appealed_against_is_refused_with_the_reason(
    rejected: Submission, sara: User, enqueue: Enqueue, how: str
) -> None:
    row = rejected
    if how == "again":
        appeal_by_senior(submission_id=row.pk, senior=sara, text="")
    elif how == "cleared":
        Submission.objects.filter(pk=row.pk).update(result="clear")
    elif how == "in review":
        row = enqueue().submission
    elif how == "pending":
        ReviewItem.objects.create(submission=row, reason="audit", risk=0.5, is_blind=True)
    else:
        submission_erase(submission_id=row.pk, reason="Article 17")
    items = ReviewItem.objects.count()
    with pytest.raises(AppealRefused) as refused:
        appeal_by_senior(submission_id=row.pk, senior=sara, text="")
    words = {
        "again": "once",
        "cleared": "`rejected` or `resubmit`",
        "in review": "no result yet",
        "pending": "Another person",
        "erased": "erased",
    }
    assert words[how] in refused.value.detail
    assert ReviewItem.objects.count() == items


def test_reviewers_do_not_open_appeals(rejected: Submission, bob: User) -> None:
    with pytest.raises(PermissionDenied):
        appeal_by_senior(submission_id=rejected.pk, senior=bob, text="")
    assert not CaseComment.objects.exists()


def test_when_no_one_is_left_to_judge_it_the_queue_says_so(rejected: Submission, sara: User) -> None:
    User.objects.filter(pk=sara.pk).update(is_active=False)
    appeal_by_senior(submission_id=rejected.pk, senior=sara, text="")
    assert items_without_reviewer() == 1


def test_an_erasure_deletes_its_words(rejected: Submission, sara: User) -> None:
    appeal_by_senior(submission_id=rejected.pk, senior=sara, text="Jane Roe objects")
    submission_erase(submission_id=rejected.pk, reason="Article 17")
    assert CaseComment.objects.get().text == ""
    assert not ReviewItem.objects.exclude(state="decided").exists()


@pytest.mark.django_db(transaction=True)
def test_when_another_item_is_opened_at_the_same_moment_the_appeal_may_be_repeated(
    rejected: Submission, sara: User
) -> None:
    """The other transaction writes its item after the appeal's check could have seen it, and commits first."""

    def appeal() -> None:
        try:
            appeal_by_senior(submission_id=rejected.pk, senior=sara, text="")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ReviewItem.objects.create(
                submission=rejected, reason="gold", masked_reason="split_vote", risk=0.5
            )
            answer = pool.submit(appeal)
            until_a_lock_is_waited_for()
        with pytest.raises(AppealNotYet):
            answer.result(60)
    assert not CaseComment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_appeals_at_the_same_moment_one_is_opened(rejected: Submission, sara: User) -> None:
    barrier = Barrier(2)

    def appeal(_: int) -> bool:
        try:
            barrier.wait(60)
            appeal_by_senior(submission_id=rejected.pk, senior=sara, text="")
        except AppealRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(appeal, range(2))) == [False, True]
    assert ReviewItem.objects.filter(reason="appeal").count() == 1
