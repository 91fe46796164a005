"""Checks on the dashboard, in the search and on a submission's page; and what the pages say of a standstill."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from detection.checks import CheckCode
from kyc_review.accounts.models import User
from kyc_review.insights.dashboard_queries import check_troubles
from kyc_review.insights.templatetags.insight_words import event_details
from kyc_review.review.models import ReviewItem
from kyc_review.scoring.check_words import ACTIONS, CODES
from kyc_review.scoring.models import CheckResult, Scoring, ScoringWorker
from kyc_review.scoring.state import scoring_state
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import State, Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def window(staff: Callable[..., User], login: Callable[[User], Client]) -> Client:
    return login(staff("ada", "admin"))


@pytest.fixture
def blurred(enqueue: Callable[..., ReviewItem]) -> Submission:
    row = enqueue("checks", applicant_ref="blurred-one").submission
    CheckResult.objects.create(
        submission=row,
        name="sharpness",
        status="doubt",
        code="blurred",
        action="review",
        value=0.07,
        limit=0.1,
    )
    CheckResult.objects.create(submission=row, name="pose", status="pass", value=3, limit=35)
    return row


def test_the_search_finds_by_what_a_check_found(
    window: Client, blurred: Submission, enqueue: Callable[..., ReviewItem]
) -> None:
    enqueue(applicant_ref="sharp-one")
    found = window.get("/insights/search/?check=blurred").content.decode()
    assert "blurred-one" in found
    assert "sharp-one" not in found
    assert "blurred-one" not in window.get("/insights/search/?check=no_face").content.decode()


def test_to_people_who_may_still_be_asked_a_blinded_submission_is_not_found_by_its_checks(
    blurred: Submission,
    staff: Callable[..., User],
    login: Callable[[User], Client],
) -> None:
    ReviewItem.objects.update(is_blind=True)
    senior = login(staff("sam", "senior"))
    assert "blurred-one" not in senior.get("/insights/search/?check=blurred").content.decode()
    text = senior.get(f"/insights/submissions/{blurred.pk}/").content.decode()
    assert str(CODES[CheckCode.BLURRED]) not in text


def test_a_submissions_page_shows_every_check_with_value_and_limit(
    window: Client, blurred: Submission
) -> None:
    text = window.get(f"/insights/submissions/{blurred.pk}/").content.decode()
    assert "Sharpness: doubtful, the face is blurred" in text
    assert "0.07, limit 0.1" in text
    assert "Pose: passed" in text


def test_the_dashboard_counts_what_did_not_pass(window: Client, blurred: Submission) -> None:
    assert 'href="/insights/search/?check=blurred">1</a>' in window.get("/insights/").content.decode()


@pytest.mark.parametrize("path", ["/insights/", "/review/"])
def test_pages_say_at_once_when_no_worker_can_score_and_when_scoring_stands_still(
    window: Client, submit: Callable[..., Submission], path: str
) -> None:
    assert 'data-testid="scoring-problem"' in window.get(path).content.decode()
    ScoringWorker.objects.create(name="host:1:a")
    assert 'data-testid="scoring-problem"' not in window.get(path).content.decode()
    ScoringWorker.objects.update(problem="selfies: BundleRefused: changed", problem_since=timezone.now())
    assert 'data-testid="scoring-problem"' in window.get(path).content.decode()
    submit()
    Submission.objects.update(received_at=timezone.now() - timedelta(hours=1))
    assert 'data-testid="standstill"' in window.get(path).content.decode()


def test_the_notice_of_a_standstill_counts_who_has_them_without_contradiction(
    window: Client, submit: Callable[..., Submission]
) -> None:
    for _ in range(3):
        submit()
    Submission.objects.update(received_at=timezone.now() - timedelta(hours=1))
    Submission.objects.filter(pk=Submission.objects.values("pk")[:1]).update(state=State.IN_REVIEW)
    state = scoring_state()
    assert (state.waiting, state.given_to_people, state.unscored) == (3, 1, 2)
    notice = window.get("/review/").text.split('data-testid="standstill"')[1].split("</section>")[0]
    assert "1 given to people, 2 waiting for scoring" in " ".join(notice.split())


def test_the_dashboard_counts_pictures_and_what_followed(
    window: Client, enqueue: Callable[..., ReviewItem]
) -> None:
    row = enqueue("checks").submission
    for name, action in (("face_found", "resubmit"), ("pose", ""), ("sharpness", "")):
        CheckResult.objects.create(submission=row, name=name, status="doubt", code="no_face", action=action)
    for name in ("pose", "sharpness"):
        CheckResult.objects.create(
            submission=enqueue("checks").submission,
            name=name,
            status="doubt",
            code="no_face",
            action="review",
        )
    ada = User.objects.get(username="ada")
    rows = check_troubles(viewer=ada, since=timezone.now() - timedelta(hours=1))
    assert {(row["code"], row["action"]): row["number"] for row in rows} == {
        ("no_face", ACTIONS[Action.RESUBMIT]): 1,
        ("no_face", ACTIONS[Action.REVIEW]): 2,
    }


def test_a_selfie_that_a_check_held_is_not_called_clear(
    window: Client, enqueue: Callable[..., ReviewItem], blurred: Submission
) -> None:
    Scoring.objects.filter(submission=blurred).update(verdict="clear")
    text = window.get(f"/insights/submissions/{blurred.pk}/").content.decode()
    assert "a check sent it to a person" in text


def test_details_of_an_event_are_text_and_not_python() -> None:
    detail: dict[str, object] = {"verdict": "clear", "checks": {"pose": "not_upright"}, "fields": ["a", "b"]}
    assert event_details(detail) == "verdict: Clear · checks: pose not upright · fields: a, b"


def test_details_have_words_where_there_are_some_and_nothing_that_is_empty() -> None:
    detail: dict[str, object] = {
        "load": {"max": None, "min": 0},
        "limit": {"max": None},
        "before": ["admin", None],
        "is_on": False,
    }
    assert event_details(detail) == "load: min 0 · before: Admin · is on: no"
