"""A person's own keys: they work, and everything that prints keys prints them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from kyc_review.review.shortcuts import keys_choose

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]


def test_own_keys_stand_on_the_sheet_and_on_the_buttons(
    enqueue: Enqueue, log_in: Callable[..., Page], alice: User
) -> None:
    enqueue()
    keys_choose(user=alice, wished={"c": "q", "s": ";", "l": ",", "Enter": "u"}, is_on=True)
    page = log_in(alice)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Claim next Q")).to_be_visible()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    for own, does in {"Q": "Claim the next item", ";": "Skip", "U": "Submit the decision"}.items():
        expect(sheet.locator("dt", has_text=own).locator("+ dd").first).to_contain_text(does)
    expect(sheet.locator("[data-for-key=l]")).to_have_text(",")
    expect(sheet.locator("[data-for-key=w]")).to_have_text("W")
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    expect(page.get_by_role("button", name="Skip ;")).to_be_visible()
    expect(page.get_by_role("button", name="Submit U")).to_be_visible()


def test_the_sheet_says_that_keys_are_off(log_in: Callable[..., Page], alice: User) -> None:
    keys_choose(user=alice, wished={}, is_on=False)
    page = log_in(alice)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_text("Single-key shortcuts are off")).to_be_visible()
