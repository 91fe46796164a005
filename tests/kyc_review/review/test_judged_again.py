"""What people said before an appeal, a correction or a rejected twin questioned the outcome clears nothing later."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from kyc_review.accounts.models import Integration, User
from kyc_review.review.appeals import appeal_by_integration
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import AuditDraw, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.models import Submission
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
People = Callable[[], User]


@pytest.fixture
def person(staff: Callable[..., User]) -> People:
    """Each call gives a reviewer who has judged nothing."""
    made: list[User] = []

    def another() -> User:
        made.append(staff(f"person-{len(made)}", "reviewer"))
        return made[-1]

    return another


def judge(reviewer: User, label: str, *, is_sure: bool = True) -> ReviewItem:
    item = claim_next(reviewer)
    obstacle = "no_face" if label == "not_assessable" else ""
    decision_record(item_id=item.pk, reviewer=reviewer, label=label, obstacle=obstacle, is_sure=is_sure)
    return item


def result_of(row: Submission) -> str:
    return Submission.objects.get(pk=row.pk).result


def fail_check(row: Submission) -> None:
    CheckResult.objects.create(
        submission=row, name="face_found", status="fail", code="no_face", action="review"
    )


@pytest.fixture
def overruled(enqueue: Enqueue, person: People, settings: LazySettings) -> Submission:
    """Rejected by two people, against one who was sure that it is real; it has a failed check."""
    settings.SECOND_REVIEW_FAKE_RISK = 0.0
    row = enqueue("checks", 0.4).submission
    fail_check(row)
    for label in ("real", "fake", "fake"):
        judge(person(), label)
    assert result_of(row) == "rejected"
    return row


def test_after_an_appeal_an_overruled_real_is_not_one_of_the_two_people_who_clear(
    overruled: Submission, integration: Integration, person: People
) -> None:
    appeal_by_integration(submission_id=overruled.pk, integration=integration)
    judge(person(), "real")
    assert result_of(overruled) == "rejected"
    judge(person(), "real")
    assert result_of(overruled) == "clear"


def test_after_an_appeal_an_overruled_real_does_not_make_two_unsure_people_sure(
    overruled: Submission, integration: Integration, person: People
) -> None:
    CheckResult.objects.filter(submission=overruled).delete()
    appeal_by_integration(submission_id=overruled.pk, integration=integration)
    judge(person(), "real", is_sure=False)
    judge(person(), "real", is_sure=False)
    assert result_of(overruled) == "rejected"
    judge(person(), "real")
    assert result_of(overruled) == "clear"


def test_after_a_rejected_twin_two_unsure_people_do_not_confirm_that_it_is_clear(
    enqueue: Enqueue, person: People
) -> None:
    row = enqueue("split_vote", 0.4).submission
    judge(person(), "real")
    assert result_of(row) == "clear"
    ReviewItem.objects.create(submission=row, reason="twin_rejected", risk=0.4, is_blind=True)
    judge(person(), "real", is_sure=False)
    judge(person(), "real", is_sure=False)
    waiting = ReviewItem.objects.get(state="open")
    assert (waiting.submission_id, waiting.reason) == (row.pk, "adjudication")


def test_a_correction_made_after_an_appeal_counts_though_its_item_is_older(
    overruled: Submission, integration: Integration, person: People, staff: Callable[..., User]
) -> None:
    appeal_by_integration(submission_id=overruled.pk, integration=integration)
    judge(person(), "fake"), judge(person(), "fake")
    last = ReviewItem.objects.filter(submission=overruled, reason="adjudication").earliest("pk")
    decision_correct(item_id=last.pk, corrector=staff("sue", "senior"), label="real")
    assert result_of(overruled) == "rejected"
    judge(person(), "real")
    assert result_of(overruled) == "clear"
    assert not ReviewItem.objects.exclude(state="decided").exists()


@pytest.mark.parametrize("needs_two", [True, False])
def test_a_correction_is_not_confirmed_by_a_real_that_was_overruled(
    overruled: Submission,
    person: People,
    staff: Callable[..., User],
    settings: LazySettings,
    needs_two: bool,
) -> None:
    settings.CORRECTIONS_NEED_TWO = needs_two
    last = ReviewItem.objects.filter(submission=overruled).latest("pk")
    decision_correct(item_id=last.pk, corrector=staff("sue", "senior"), label="real")
    assert result_of(overruled) == "rejected"
    judge(person(), "real")
    assert result_of(overruled) == "clear"


def test_a_real_that_was_overruled_does_not_make_an_unsure_correction_sure(
    overruled: Submission, person: People, staff: Callable[..., User]
) -> None:
    CheckResult.objects.filter(submission=overruled).delete()
    last = ReviewItem.objects.filter(submission=overruled).latest("pk")
    decision_correct(item_id=last.pk, corrector=staff("sue", "senior"), label="real", is_sure=False)
    judge(person(), "real", is_sure=False)
    assert result_of(overruled) == "rejected"
    judge(person(), "real")
    assert result_of(overruled) == "clear"


def test_one_person_does_not_clear_a_sampled_picture_with_a_failed_check_on_appeal(
    submit: Callable[..., Submission], integration: Integration, person: People
) -> None:
    row = submit()
    Submission.objects.filter(pk=row.pk).update(
        state="completed", result="resubmit", result_reason="no_face", completed_at=row.received_at
    )
    fail_check(row)
    AuditDraw.objects.create(
        submission=row, outcome="resubmit", probability=1.0, uniform_share=1.0, is_uniform=True
    )
    items_open([(row.pk, "audit", 1.0)])
    judge(person(), "real")
    assert result_of(row) == "resubmit"
    appeal_by_integration(submission_id=row.pk, integration=integration)
    judge(person(), "real")
    assert result_of(row) == "resubmit"
    judge(person(), "real")
    assert result_of(row) == "clear"
