"""The first look at a blind face: close-ups, parts, boxes, the guide and the magnifier, by keyboard and mouse."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence
from kyc_review.review.models import Decision, KeyChoice, ReviewItem
from tests.browser.screens import PICTURES, SIZES
from tests.browser.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
LogIn = Callable[..., Page]


def shade(page: Page, x: float, y: float, pane: str = "photo") -> list[int]:
    """The colour that a pane's canvas has at a point of the pane, in CSS pixels."""
    script = """([name, x, y]) => { const c = document.querySelector(`[data-name=${name}] canvas.photo`);
        const k = c.width / c.clientWidth;
        return [...c.getContext('2d').getImageData(x * k, y * k, 1, 1).data].slice(0, 3); }"""
    return list(page.evaluate(script, [pane, x, y]))


def test_a_blind_face_is_marked_and_enlarged_before_the_votes_are_shown(
    enqueue: Callable[..., ReviewItem],
    examine: Callable[[ReviewItem], Evidence],
    log_in: LogIn,
    alice: User,
    portrait: bytes,
) -> None:
    item = enqueue(image=portrait)
    examine(item)
    ReviewItem.objects.update(is_blind=True)
    page = log_in(alice, viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    scale = page.locator("[data-scale]")
    expect(scale).to_contain_text("shown at")
    whole = scale.inner_text()
    page.keyboard.press("6")
    expect(scale).not_to_have_text(whole)
    page.keyboard.press("0")
    expect(scale).to_have_text(whole)
    guide = page.locator("details.guidance")
    page.screenshot(path=PICTURES / "first-look-1280x720.png")
    guide.locator("summary").press("Enter")
    expect(guide).not_to_have_attribute("open", "")
    eventually(page, lambda: KeyChoice.objects.filter(user=alice, folds_guidance=True).exists())
    page.keyboard.press("Shift+E")
    expect(page.get_by_role("checkbox", name="Eyes")).to_be_checked()
    page.keyboard.press("k")
    page.mouse.move(400, 200)
    page.mouse.down()
    page.mouse.move(500, 300, steps=3)
    page.mouse.up()
    expect(page.locator("[data-boxes]")).not_to_have_value("")
    expect(page.get_by_test_id("votes")).to_have_count(0)
    page.keyboard.press("2")
    expect(page.get_by_test_id("votes")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    made = Decision.objects.get()
    assert (made.label, made.parts, len(made.regions)) == ("fake", ["eyes"], 1)


def test_the_magnifier_follows_the_pointer_and_the_arrow_keys(
    enqueue: Callable[..., ReviewItem],
    examine: Callable[[ReviewItem], Evidence],
    log_in: LogIn,
    alice: User,
    portrait: bytes,
) -> None:
    examine(enqueue(image=portrait))
    page = log_in(alice, viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    expect(page.locator("[data-scale]")).to_contain_text("shown at")
    page.keyboard.press("w")
    expect(page.locator("[data-name=noise] .pane-worth")).to_contain_text("AUC 0.")
    pane = page.locator("[data-name=photo]").bounding_box()
    assert pane
    at = (pane["width"] / 2, pane["height"] * 0.4)
    page.mouse.move(pane["x"] + at[0], pane["y"] + at[1])
    point = (at[0] + 60, at[1])
    before = shade(page, *point)
    button = page.get_by_role("button", name="Magnifier")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.mouse.move(pane["x"] + at[0], pane["y"] + at[1])
    eventually(page, lambda: shade(page, *point) != before, "enlarged around the pointer")
    page.screenshot(path=PICTURES / "magnifier.png")
    followed = shade(page, *point)
    place = page.locator("[data-place]").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-place]")).not_to_have_text(place)
    eventually(page, lambda: shade(page, *point) != followed, "moved by the keys")
    page.keyboard.press(",")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(",")
    expect(button).to_have_attribute("aria-pressed", "false")
