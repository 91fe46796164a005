"""The bank's files in a real browser: they take effect, and the policy blocks nothing of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from tests.browser.screens import PICTURES, SIZES

pytestmark = pytest.mark.django_db(transaction=True)


def test_name_logo_and_colour_are_the_banks(
    branded: Path,
    log_in: Callable[..., Page],
    alice: User,
) -> None:
    page = log_in(alice, viewport=SIZES["1280x720"], color_scheme="light")
    expect(page.get_by_role("link", name="Example Bank & Sons")).to_be_visible()
    assert page.locator(".brand img").evaluate("(logo) => logo.complete && logo.naturalWidth > 0")
    button = page.get_by_role("button", name="Claim next")
    assert button.evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(122, 0, 25)"
    page.screenshot(path=PICTURES / "branded.png")
