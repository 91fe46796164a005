"""What a check found is chosen beforehand when a reviewer cannot tell, and never against their own choice."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import CheckResult
from tests.browser.screens import claim

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
CUT_OFF = "#decision input[name=obstacle][value=face_cut_off]"
DARK = "#decision input[name=obstacle][value=too_dark]"


@pytest.fixture
def cut_off(enqueue: Enqueue) -> ReviewItem:
    item = enqueue("checks")
    CheckResult.objects.create(
        submission=item.submission,
        name="face_complete",
        status="fail",
        code="face_cut_off",
        action="review",
        value=0.7,
        limit=0.8,
    )
    ReviewItem.objects.update(is_blind=True)
    return item


def test_the_reason_appears_with_the_first_call_and_goes_with_the_decision(
    cut_off: ReviewItem, log_in: Callable[..., Page], alice: User
) -> None:
    page = log_in(alice)
    claim(page)
    expect(page.get_by_test_id("checks")).to_have_count(0)
    expect(page.locator(CUT_OFF)).not_to_be_checked()
    page.keyboard.press("3")
    expect(page.get_by_test_id("checks")).to_be_visible()
    expect(page.locator(CUT_OFF)).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Review queue")).to_be_visible()
    made = Decision.objects.get()
    assert (made.label, made.obstacle) == ("not_assessable", "face_cut_off")


def test_what_the_reviewer_chose_before_the_reveal_stays(
    cut_off: ReviewItem, log_in: Callable[..., Page], alice: User
) -> None:
    page = log_in(alice)
    claim(page)
    page.route("**/first-call/", lambda route: route.abort())
    page.keyboard.press("3")
    page.keyboard.press("d")
    expect(page.locator(DARK)).to_be_checked()
    page.unroute("**/first-call/")
    page.keyboard.press("1")
    expect(page.get_by_test_id("checks")).to_be_visible()
    expect(page.locator(DARK)).to_be_checked()


@pytest.mark.parametrize("key", ["1", "2", "3"])
def test_checks_are_in_view_without_scrolling_after_each_first_call(
    cut_off: ReviewItem, log_in: Callable[..., Page], alice: User, key: str
) -> None:
    page = log_in(alice)
    page.set_viewport_size({"width": 1280, "height": 720})
    claim(page)
    page.keyboard.press(key)
    expect(page.get_by_test_id("checks")).to_be_in_viewport(ratio=1)
    page.screenshot(path=f"test-artifacts/checks-{key}.png")
