"""Faces of the last day of work that turned out otherwise, and answers to own escalations."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.corrections import decision_correct
from kyc_review.review.decisions import decision_record
from kyc_review.review.lessons import LESSONS_SHOWN, lessons
from kyc_review.review.models import Gold, OutcomeExposure, ReviewItem
from kyc_review.review.release import item_escalate
from kyc_review.submissions.models import LateOutcome, Submission
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


@pytest.fixture
def tomorrow() -> datetime:
    """Today's work is looked at on the day after it."""
    return timezone.now() + timedelta(days=1)


def judge(person: User, label: str, **said: object) -> ReviewItem:
    item = claim_next(person)
    decision_record(item_id=item.pk, reviewer=person, label=label, **said)
    return item


def told(person: User, now: datetime) -> list[tuple[str, str, str]]:
    return [(lesson.source, lesson.own, lesson.right) for lesson in lessons(viewer=person, now=now)]


@pytest.fixture
def overruled(enqueue: Enqueue, alice: User, bob: User, staff: Callable) -> ReviewItem:
    """alice said *real*; two others said *fake*, and one of them marked the eyes."""
    item = enqueue("unanimous_fake", 0.9)
    judge(alice, "real")
    box = {"x": 0.25, "y": 0.3, "width": 0.5, "height": 0.1}
    judge(bob, "fake", parts=["eyes"], methods=["swap"], regions=[box], note="A seam under the left eye.")
    judge(staff("carol", "reviewer"), "fake")
    return item


def test_a_miss_comes_with_what_the_others_saw(
    overruled: ReviewItem, alice: User, bob: User, tomorrow: datetime
) -> None:
    assert told(alice, tomorrow) == [("others", "real", "fake")]
    assert told(bob, tomorrow) == []
    lesson = lessons(viewer=alice, now=tomorrow)[0]
    assert [row.details for row in lesson.seen] == ["", "eyes, swap"]
    assert lesson.regions == [{"x": 25.0, "y": 30.0, "width": 50.0, "height": 10.0}]


def test_nothing_is_told_on_the_day_itself_or_while_somebody_still_looks(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable, tomorrow: datetime
) -> None:
    enqueue("unanimous_fake", 0.9)
    judge(alice, "real")
    judge(bob, "fake")
    assert told(alice, tomorrow) == [], "a third person is still to look"
    judge(staff("carol", "reviewer"), "fake")
    assert told(alice, timezone.now()) == []
    assert told(alice, tomorrow) == [("others", "real", "fake")]


def test_calibration_faces_and_later_reports_count(
    enqueue: Enqueue, alice: User, staff: Callable, tomorrow: datetime
) -> None:
    gold, missed, right = enqueue("split_vote", 0.9), enqueue("split_vote", 0.8), enqueue("split_vote", 0.7)
    ReviewItem.objects.filter(pk=gold.pk).update(reason="gold", masked_reason="split_vote")
    Gold.objects.create(submission=gold.submission, label="fake", added_by=staff("sue", "senior"))
    for label in ("real", "real", "fake"):
        judge(alice, label)
    for item in (missed, right):
        LateOutcome.objects.create(submission=item.submission, finding="confirmed_fraud", reported_by="key")
    assert sorted(told(alice, tomorrow)) == [("known", "real", "fake"), ("later", "real", "fake")]


def test_what_a_person_corrected_themselves_is_no_lesson(
    enqueue: Enqueue, alice: User, bob: User, tomorrow: datetime, settings: LazySettings
) -> None:
    settings.CORRECTIONS_NEED_TWO = True
    item = enqueue("split_vote", 0.4)
    judge(alice, "real")
    decision_correct(item_id=item.pk, corrector=alice, label="fake")
    judge(bob, "fake")
    assert told(alice, tomorrow) == []


def test_the_answer_to_an_escalation_comes_back_to_the_one_who_asked(
    enqueue: Enqueue, alice: User, staff: Callable, tomorrow: datetime
) -> None:
    sue = staff("sue", "senior")
    item = enqueue("split_vote", 0.4)
    claim_next(alice)
    item_escalate(item_id=item.pk, reviewer=alice, message="Is the nose pasted?")
    assert told(alice, tomorrow) == []
    judge(sue, "fake", parts=["nose"], note="Yes, see its edge.")
    assert told(alice, tomorrow) == [("answered", "", "fake")]
    assert lessons(viewer=alice, now=tomorrow)[0].seen[0].note == "Yes, see its edge."


def test_at_most_five_are_shown_and_none_of_an_erased_face(
    enqueue: Enqueue, alice: User, staff: Callable, tomorrow: datetime
) -> None:
    sue = staff("sue", "senior")
    for _ in range(LESSONS_SHOWN + 2):
        item = enqueue("split_vote", 0.4)
        ReviewItem.objects.filter(pk=item.pk).update(reason="gold", masked_reason="split_vote")
        Gold.objects.create(submission=item.submission, label="fake", added_by=sue)
        judge(alice, "real")
    assert len(told(alice, tomorrow)) == LESSONS_SHOWN
    for key in Submission.objects.values_list("pk", flat=True):
        submission_erase(submission_id=key, reason="The applicant asked.")
    assert told(alice, tomorrow) == []


def test_the_page_shows_only_the_persons_own_and_keeps_others_out(
    overruled: ReviewItem,
    login: Callable[[User], Client],
    alice: User,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    page = login(alice).get("/review/yesterday/").text
    assert page.count('data-testid="lesson"') == 1
    for words in (
        "You answered",
        "eyes, swap",
        "A seam under the left eye.",
        "Colleagues who looked after you",
    ):
        assert words in page
    assert login(alice).get(f"/review/yesterday/{overruled.pk}/face/").status_code == 200
    assert login(alice).get(f"/review/yesterday/{overruled.pk}/mask/").status_code == 404
    assert 'data-testid="lesson"' not in login(bob).get("/review/yesterday/").text
    assert login(bob).get(f"/review/yesterday/{overruled.pk}/face/").status_code == 403


def test_who_reads_the_answer_to_their_question_is_not_asked_to_judge_it(
    enqueue: Enqueue,
    login: Callable[[User], Client],
    alice: User,
    staff: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sue, item = staff("sue", "senior"), enqueue("split_vote", 0.4)
    claim_next(alice)
    item_escalate(item_id=item.pk, reviewer=alice)
    judge(sue, "fake")
    later = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert "You escalated it" in login(alice).get("/review/yesterday/").text
    assert OutcomeExposure.objects.filter(submission=item.submission, person=alice).exists()
