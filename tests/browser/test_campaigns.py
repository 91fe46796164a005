"""The page of one picture under several applicants: looked at as a picture, and decided after a look at each."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Likeness
from kyc_review.review.models import CampaignLook, Decision, ReviewItem
from kyc_review.submissions.models import Submission
from tests.browser.screens import PICTURES, SIZES

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


def seen(page: Page) -> None:
    """Scroll to every picture, as a person does."""
    for picture in page.locator(".campaign-members img").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.campaign-members img')].every((i) => i.naturalWidth)"
    )


@pytest.mark.parametrize("size", SIZES)
def test_the_group_is_seen_with_its_conflict_and_decided_after_a_look_at_each(
    group: list[ReviewItem], log_in: LogIn, staff: Callable[..., User], size: str
) -> None:
    page = log_in(staff("sam", "senior"), viewport=SIZES[size])
    page.get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="Look").wait_for()
    schemes: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=PICTURES / f"campaigns-{size}-{scheme}.png")
    page.get_by_role("link", name="Look").click()
    expect(page.get_by_role("heading", name=f"{MEMBERS} pictures, {MEMBERS} applicants")).to_be_visible()
    expect(page.get_by_test_id("conflict")).to_be_visible()
    expect(page.locator(".campaign-members img").first).to_have_js_property("complete", True)
    assert CampaignLook.objects.count() < MEMBERS, "what is out of view was not looked at"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for box in page.get_by_role("checkbox").all()[2:]:
        expect(box).not_to_be_checked()
        box.check()
    page.get_by_role("radio", name="Fake").check()
    seen(page)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=PICTURES / f"campaign-{size}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Record for the chosen pictures").click()
    told = f"Recorded for {MEMBERS - 2} of {MEMBERS - 2} pictures."
    expect(page.get_by_role("status").filter(has_text=told)).to_be_visible()
    assert Decision.objects.filter(label="fake").count() == MEMBERS - 2
    assert Submission.objects.filter(result="rejected").count() == MEMBERS - 1
