"""The page of one picture under several applicants: looked at as a picture, and decided after a look at each."""

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Likeness
from kyc_review.review.campaigns import UNSEEN
from kyc_review.review.models import CampaignLook, Decision, ReviewItem
from kyc_review.submissions.models import Submission
from tests.browser.screens import PICTURES, SIZES
from tests.browser.waiting import intercept, steady

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]
MEMBERS = 14


@pytest.fixture
def group(enqueue: Enqueue, portrait: bytes) -> list[ReviewItem]:
    """One picture under as many applicants; the first is cleared and the second rejected by the models' result."""
    items = [enqueue(image=portrait, applicant_ref=f"p-{number}") for number in range(MEMBERS)]
    for item in items[1:]:
        Likeness.objects.create(
            submission=item.submission, earlier=items[0].submission, bits_apart=0, same_file=True
        )
    for item, result in zip(items, ("clear", "rejected"), strict=False):
        Submission.objects.filter(pk=item.submission_id).update(
            state="completed", result=result, completed_at=item.submission.received_at
        )
        ReviewItem.objects.filter(pk=item.pk).update(state="decided", decided_at=item.opened_at)
    return items


def photographed(page: Page, name: str) -> None:
    schemes: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")


def all_seen(page: Page) -> None:
    """Scroll to every picture, as a person does, and wait until each is loaded and reported."""
    for member in page.locator("[data-member]").all():
        member.locator("img").scroll_into_view_if_needed()
        expect(member.get_by_text("Seen", exact=True)).to_be_visible()


def opened(page: Page) -> None:
    """From the list to the group; what is in view is loaded and reported."""
    page.get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="Look").click()
    expect(page.get_by_role("heading", name=f"{MEMBERS} pictures, {MEMBERS} applicants")).to_be_visible()


def looks() -> int:
    return CampaignLook.objects.filter(looked_at__isnull=False).count()


@pytest.mark.parametrize("size", SIZES)
def test_the_group_is_seen_with_its_conflict_and_decided_after_a_look_at_each(
    group: list[ReviewItem], log_in: LogIn, staff: Callable[..., User], size: str
) -> None:
    page = log_in(staff("sam", "senior"), viewport=SIZES[size])
    page.get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="Look").wait_for()
    photographed(page, f"campaigns-{size}")
    opened(page)
    expect(page.get_by_test_id("conflict")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator(".campaign-answer").evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    for box in page.get_by_role("checkbox").all()[2:]:
        expect(box).not_to_be_checked()
        box.check()
    page.get_by_role("radio", name="Fake").check()
    all_seen(page)
    photographed(page, f"campaign-{size}")
    page.get_by_role("button", name="Record for the chosen pictures").click()
    told = f"Recorded for {MEMBERS - 2} of {MEMBERS - 2} pictures."
    expect(page.get_by_role("status").filter(has_text=told)).to_be_visible()
    assert Decision.objects.filter(label="fake").count() == MEMBERS - 2
    assert Submission.objects.filter(result="rejected").count() == MEMBERS - 1


@pytest.mark.parametrize("size", SIZES)
def test_only_pictures_in_view_are_seen_all_seen_are_chosen_at_once_and_a_refusal_is_in_view(
    group: list[ReviewItem], log_in: LogIn, staff: Callable[..., User], size: str
) -> None:
    page = log_in(staff("sam", "senior"), viewport=SIZES[size])
    opened(page)
    first, last = page.locator("[data-member]").first, page.locator("[data-member]").last
    expect(first.get_by_text("Seen", exact=True)).to_be_visible()
    assert first.locator("img").evaluate("image => Math.min(image.clientHeight, image.naturalHeight)") >= 230
    in_view = steady(page, lambda: page.locator("[data-member] img[src]").count())
    expect(page.locator("[data-looked]")).to_have_count(in_view)  # each one is reported
    seen = looks()
    assert 0 < seen == in_view < MEMBERS, "what is out of view was not looked at"
    expect(last.get_by_text("Not seen yet")).to_have_count(1)
    expect(last.locator("img")).not_to_have_attribute("src", re.compile("."))
    page.get_by_role("button", name="Choose all seen").click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(seen)
    last.get_by_role("checkbox").evaluate("box => box.click()")  # chosen, and never in view
    page.get_by_role("radio", name="Fake").check()
    page.get_by_role("button", name="Record for the chosen pictures").click()
    refusal = page.get_by_role("alert").filter(has_text=UNSEEN.format(1))
    expect(refusal).to_be_in_viewport(ratio=1)
    expect(refusal).to_be_focused()
    photographed(page, f"campaign-refused-{size}")
    assert not Decision.objects.exists()


def test_with_the_keyboard_each_picture_is_reached_and_seen(
    group: list[ReviewItem], log_in: LogIn, staff: Callable[..., User]
) -> None:
    page = log_in(staff("sam", "senior"), viewport=SIZES["1280x720"])
    opened(page)
    for box in page.get_by_role("checkbox").all():
        page.keyboard.press("Tab")
        while not box.evaluate("box => box === document.activeElement"):
            page.keyboard.press("Tab")
        expect(box.locator("xpath=ancestor::li").get_by_text("Seen", exact=True)).to_be_visible()
    assert looks() == MEMBERS


def test_at_400_percent_where_a_picture_is_larger_than_the_window_each_can_be_seen(
    group: list[ReviewItem], log_in: LogIn, staff: Callable[..., User]
) -> None:
    page = log_in(staff("sam", "senior"), viewport={"width": 320, "height": 180})
    opened(page)
    assert page.locator("[data-member] img").first.evaluate("image => image.clientHeight") > 180
    for left in range(MEMBERS - 1, -1, -1):
        page.get_by_role("button", name="Next not seen").evaluate("button => button.click()")
        expect(page.locator("[data-member]:not([data-looked])")).to_have_count(left)
    expect(page.get_by_role("button", name="Next not seen")).to_be_disabled()
    assert looks() == MEMBERS


def test_a_look_whose_report_fails_is_reported_again(
    group: list[ReviewItem], log_in: LogIn, staff: Callable[..., User]
) -> None:
    page = log_in(staff("sam", "senior"), viewport=SIZES["1440x900"])
    intercept(page, "**/look/", lambda route: route.abort(), times=1)
    opened(page)
    for member in page.locator("[data-member]").all()[:3]:
        expect(member.get_by_text("Seen", exact=True)).to_be_visible(timeout=15_000)
