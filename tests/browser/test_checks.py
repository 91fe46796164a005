"""What a check found is chosen beforehand when a reviewer cannot tell, and never against their own choice."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import CheckResult
from tests.browser.screens import LOOKS, PICTURES, SIZES, claim
from tests.browser.waiting import intercept

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
    intercept(page, "**/first-call/", lambda route: route.abort())
    page.keyboard.press("3")
    page.keyboard.press("d")
    expect(page.locator(DARK)).to_be_checked()
    page.unroute("**/first-call/")
    page.keyboard.press("1")
    expect(page.get_by_test_id("checks")).to_be_visible()
    expect(page.locator(DARK)).to_be_checked()


@LOOKS
def test_every_reason_and_the_chosen_one_are_in_view_and_said(
    cut_off: ReviewItem, log_in: Callable[..., Page], alice: User, size: str, scheme: str
) -> None:
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    claim(page)
    page.keyboard.press("3")
    expect(page.locator("#announcer")).to_have_text("Reason: Face cut off")
    submit = page.get_by_role("button", name="Submit")
    expect(submit).to_contain_text("Reason: face cut off")
    chips = page.get_by_role("radiogroup", name="Why it cannot be assessed").locator("label")
    expect(chips).to_have_count(len(Decision.Obstacle))
    for chip in chips.all():
        expect(chip).to_be_in_viewport(ratio=1)
    page.screenshot(path=PICTURES / f"cannot-tell-{size}-{scheme}.png")
    page.keyboard.press("Shift+D")
    expect(page.locator("#decision input[name=obstacle][value=damaged]")).to_be_checked()
    expect(page.locator("#announcer")).to_have_text("Reason: File damaged")
    expect(submit).to_contain_text("Reason: file damaged")
    page.keyboard.press("i")
    page.screenshot(path=PICTURES / f"cannot-tell-votes-{size}-{scheme}.png")
    page.keyboard.press("1")
    expect(submit).not_to_contain_text("Reason")


def test_in_a_low_window_the_chosen_reason_is_scrolled_to(
    cut_off: ReviewItem, log_in: Callable[..., Page], alice: User
) -> None:
    page = log_in(alice, viewport={"width": 720, "height": 450})
    claim(page)
    page.keyboard.press("3")
    chip = page.get_by_role("radiogroup", name="Why it cannot be assessed").locator("label:has(:checked)")
    expect(chip).to_contain_text("Face cut off")
    expect(chip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Shift+M")
    expect(chip).to_contain_text("More than a picture")
    expect(chip).to_be_in_viewport(ratio=0.9)


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
