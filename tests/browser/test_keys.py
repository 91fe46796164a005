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
    keys_choose(user=alice, wished={"c": "q", "s": ";", "l": "#", "Enter": "!"}, is_on=True)
    page = log_in(alice)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Claim next Q")).to_be_visible()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    for own, does in {"Q": "Claim the next item", ";": "Skip", "!": "Submit the decision"}.items():
        expect(sheet.locator("dt", has_text=own).locator("+ dd").first).to_contain_text(does)
    expect(sheet.locator("[data-for-key=l]")).to_have_text("#")
    expect(sheet.locator("[data-for-key=w]")).to_have_text("W")
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    expect(page.get_by_role("button", name="Skip ;")).to_be_visible()
    expect(page.get_by_role("button", name="Submit !")).to_be_visible()


def test_the_sheet_says_that_keys_are_off(log_in: Callable[..., Page], alice: User) -> None:
    keys_choose(user=alice, wished={}, is_on=False)
    page = log_in(alice)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_text("Single-key shortcuts are off")).to_be_visible()


PRESS = """([key, code, more]) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true, ...more }))"""


def press(page: Page, key: str, code: str, **more: bool) -> None:
    """As a keyboard with another layout sends it: `key` is what it writes, `code` where it is."""
    page.evaluate(PRESS, [key, code, more])


@pytest.mark.parametrize(
    "claim", [("\u0441", "KeyC"), ("ψ", "KeyC"), ("ؤ", "KeyC")], ids=["Russian", "Greek", "Arabic"]
)
def test_keys_work_on_layouts_without_latin_letters(
    enqueue: Enqueue, log_in: Callable[..., Page], alice: User, claim: tuple[str, str]
) -> None:
    enqueue()
    page = log_in(alice)
    press(page, *claim)
    expect(page.get_by_role("heading", name="Item", exact=False).first).to_be_visible()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    press(page, "é", "Digit2")  # the French keyboard has digits with Shift only
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()
    press(page, "!", "Digit1", shiftKey=True)
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()
    press(page, "\u0417", "KeyP")
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()


def test_where_the_layout_has_the_character_its_place_says_nothing(
    enqueue: Enqueue, log_in: Callable[..., Page], alice: User
) -> None:
    """On a Dvorak keyboard the place of C writes J, and the place of I writes C."""
    enqueue()
    page = log_in(alice)
    press(page, "j", "KeyC")
    expect(page.get_by_role("button", name="Claim next")).to_be_visible()
    press(page, "c", "KeyI")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()


def test_own_keys_count_by_place_too(enqueue: Enqueue, log_in: Callable[..., Page], alice: User) -> None:
    enqueue()
    keys_choose(user=alice, wished={"c": "q", "s": "ж"}, is_on=True)
    page = log_in(alice)
    press(page, "й", "KeyQ")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    press(page, "ж", "Semicolon")
    expect(page.get_by_role("status").filter(has_text="is back in the queue")).to_be_visible()
