"""What reviewers see of the checks, and when."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from detection.checks import CheckCode, CheckName
from kyc_review.accounts.models import User
from kyc_review.review.decisions import first_call_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.check_words import ACTIONS, CODES, NAMES, troubles
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.check_policy import Action
from kyc_review.submissions.models import ResubmitReason
from kyc_review.workbench.presenters import suggested_obstacle
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def doubtful(enqueue: Callable[..., ReviewItem], alice: User) -> ReviewItem:
    """An item that alice holds; the face is doubtfully sharp and clearly cut off."""
    item = enqueue("split_vote")
    for name, status, code in (("sharpness", "doubt", "blurred"), ("face_complete", "fail", "face_cut_off")):
        CheckResult.objects.create(
            submission=item.submission, name=name, status=status, code=code, action="review", value=1, limit=2
        )
    CheckResult.objects.create(submission=item.submission, name="pose", status="pass")
    claimed = item_claim_next(reviewer=alice)
    assert claimed == item
    return item


def page(client: Client, item: ReviewItem) -> str:
    return client.get(f"/review/items/{item.pk}/").content.decode()


def chosen(text: str) -> list[str]:
    """The values of obstacles that the form has chosen."""
    return re.findall(r'name="obstacle" value="(\w+)"\s+checked', text)


def test_an_open_item_lists_what_did_not_pass_and_chooses_the_reason_beforehand(
    doubtful: ReviewItem,
    login: Callable[[User], Client],
    alice: User,
) -> None:
    text = page(login(alice), doubtful)
    assert 'data-testid="checks"' in text
    assert str(CODES[CheckCode.BLURRED]) in text
    assert str(CODES[CheckCode.FACE_CUT_OFF]) in text
    assert str(NAMES[CheckName.POSE]) not in text.split('data-testid="checks"')[1].split("</section>")[0]
    assert chosen(text) == ["face_cut_off"]


def test_a_blind_item_says_nothing_of_checks_before_the_first_call(
    doubtful: ReviewItem,
    login: Callable[[User], Client],
    alice: User,
) -> None:
    """A doubt tells what the models said: what passes every check is in the queue because it was flagged."""
    ReviewItem.objects.update(is_blind=True)
    client = login(alice)
    before = page(client, doubtful)
    assert 'data-testid="checks"' not in before
    assert chosen(before) == []
    assert 'data-suggests="' not in before
    first_call_record(item_id=doubtful.pk, reviewer=alice, label="not_assessable")
    after = page(client, doubtful)
    assert 'data-testid="checks"' in after
    assert 'data-suggests="face_cut_off"' in after


def test_a_code_that_is_no_obstacle_suggests_nothing(enqueue: Callable[..., ReviewItem]) -> None:
    item = enqueue("checks")
    CheckResult.objects.create(
        submission=item.submission, name="intact", status="doubt", code="check_failed", action="review"
    )
    assert suggested_obstacle(item) == ""


@pytest.mark.parametrize("code", [code for code in CheckCode if code is not CheckCode.CHECK_FAILED])
def test_every_code_that_a_check_finds_is_suggested(
    enqueue: Callable[..., ReviewItem], code: CheckCode
) -> None:
    item = enqueue("checks")
    CheckResult.objects.create(
        submission=item.submission, name="pose", status="doubt", code=code.value, action="review"
    )
    assert suggested_obstacle(item) == code.value


def test_checks_that_a_missing_face_prevents_are_one_line(enqueue: Callable[..., ReviewItem]) -> None:
    row = enqueue("checks").submission
    CheckResult.objects.create(
        submission=row,
        name="face_found",
        status="fail",
        code="no_face",
        action="review",
        value=0.1,
        limit=0.5,
    )
    for name in ("single_face", "pose", "sharpness"):
        CheckResult.objects.create(submission=row, name=name, status="doubt", code="no_face", action="review")
    assert [line.name for line in troubles(row.checks.all())] == [NAMES[CheckName.FACE_FOUND]]


def test_checks_and_people_share_one_vocabulary_with_a_sentence_for_each_code() -> None:
    told = set(ResubmitReason.values)
    assert set(Decision.Obstacle.values) <= told
    assert {code.value for code in CheckCode} - {CheckCode.CHECK_FAILED.value} <= told
    assert set(NAMES) == set(CheckName)
    assert set(CODES) == set(CheckCode)
    assert set(ACTIONS) == set(Action)
