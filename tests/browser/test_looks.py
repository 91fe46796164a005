"""The pages at the sizes and themes that reviewers use; pictures go to test-artifacts/looks/ for people to look at."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from tests.browser.screens import LOOKS, PICTURES, SIZES, fits

pytestmark = pytest.mark.django_db(transaction=True)


@LOOKS
def test_the_focus_page_fits_the_window(
    enqueue: Callable[..., ReviewItem],
    log_in: Callable[..., Page],
    alice: User,
    portrait: bytes,
    size: str,
    scheme: str,
) -> None:
    enqueue("split_vote", 0.71, (0.162, 0.418, 0.713, 0.087, 0.571), image=portrait)
    for risk in (0.64, 0.33):
        enqueue("split_vote", risk)
    enqueue("unscorable", 1.0)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    page.screenshot(path=PICTURES / f"queue-{size}-{scheme}.png")
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    expect(page.get_by_text("shown at")).to_be_visible()
    assert fits(page)
    page.screenshot(path=PICTURES / f"workbench-{size}-{scheme}.png")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose real, fake or not assessable first.")).to_be_visible()
    assert fits(page)
    page.keyboard.press("2")
    expect(page.get_by_text("Choose real, fake or not assessable first.")).to_be_hidden()
    page.screenshot(path=PICTURES / f"chosen-{size}-{scheme}.png")
    assert fits(page)
    page.keyboard.press("3")
    page.keyboard.press("o")
    page.screenshot(path=PICTURES / f"aside-{size}-{scheme}.png")
    page.keyboard.press("Escape")
    assert fits(page)
    page.keyboard.press("2")
    ReviewItem.objects.filter(state="claimed").update(
        state="open", claimed_by=None, claimed_at=None, claim_expires_at=None
    )
    page.get_by_label("Note").fill("The left ear was pasted; its light comes from the other side.")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Nothing was recorded")).to_be_visible()
    assert fits(page)
    page.screenshot(path=PICTURES / f"lost-{size}-{scheme}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_login_and_empty_queue(log_in: Callable[..., Page], alice: User, scheme: str) -> None:
    page = log_in(alice, viewport=SIZES["1280x720"], color_scheme=scheme)
    page.screenshot(path=PICTURES / f"empty-{scheme}.png")
    page.keyboard.press("?")
    page.screenshot(path=PICTURES / f"keys-{scheme}.png")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Log out").click()
    page.screenshot(path=PICTURES / f"login-{scheme}.png")
