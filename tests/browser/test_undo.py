"""Undo gives back everything that was entered, whatever the last act was; the strip of the last faces."""

import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from tests.browser.screens import PICTURES, SIZES, claim

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]


def fill(page: Page) -> str:
    """Fake, not sure, with a part, a method, a box and a note; the box as the form has it."""
    page.keyboard.press("2")
    page.keyboard.press("u")
    page.keyboard.press("Shift+G")  # at the end of its line, which scrolls
    expect(page.get_by_role("checkbox", name="Background")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Shift+G")
    page.keyboard.press("Shift+E")
    page.get_by_role("checkbox", name="Paste").check(force=True)
    page.keyboard.press("k")
    page.mouse.move(400, 300)
    page.mouse.down()
    page.mouse.move(480, 360, steps=4)
    page.mouse.up()
    page.get_by_label("Note").fill("Two light sources.")
    page.keyboard.press("Escape")
    return page.locator("[data-boxes]").input_value()


def is_filled(page: Page, item: ReviewItem) -> None:
    expect(page.get_by_role("heading", name=f"Item {item.pk}", exact=True)).to_be_visible()
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Not sure")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Eyes")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Paste")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Nose")).not_to_be_checked()
    expect(page.get_by_label("Note")).to_have_value("Two light sources.")
    assert page.locator("[data-boxes]").input_value().count("width") == 1


@pytest.mark.parametrize("act", ["decide", "skip", "snooze"])
@pytest.mark.parametrize("way", ["key", "back"])
def test_undo_gives_the_whole_form_back(
    enqueue: Enqueue, log_in: LogIn, alice: User, settings: LazySettings, act: str, way: str
) -> None:
    settings.UNDO_WINDOW_S = 60
    first, second = enqueue(risk=0.9), enqueue(risk=0.1)
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    fill(page)
    if act == "snooze":
        page.keyboard.press("o")
        page.get_by_role("button", name="Snooze").click()
    else:
        page.keyboard.press("Enter" if act == "decide" else "s")
    expect(page.get_by_role("heading", name=f"Item {second.pk}", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    if way == "back":
        page.go_back()
        expect(page.get_by_role("heading", name=f"Item {first.pk}", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.screenshot(path=PICTURES / f"undo-back-{act}.png")
    page.keyboard.press("z")
    is_filled(page, first)
    page.get_by_role("checkbox", name="Eyes").uncheck(force=True)
    page.reload()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("checkbox", name="Eyes")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="Paste")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Item {second.pk}", exact=True)).to_be_visible()
    # The next face is painted before the server has answered.
    expect(page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    made = Decision.objects.standing().get()
    assert (made.item, made.label, made.parts, made.methods) == (first, "fake", [], ["paste"])
    assert not made.is_sure
    assert (len(made.regions), made.note) == (1, "Two light sources.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strip_of_the_last_faces_leads_to_each_of_them(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes, settings: LazySettings, scheme: str
) -> None:
    settings.UNDO_WINDOW_S = 60
    items = [enqueue(risk=0.9 - number / 10, image=portrait) for number in range(4)]
    page = log_in(alice, viewport=SIZES["1280x720"], color_scheme=scheme)
    claim(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "thumbnail" in request.url else None)
    for place, key in enumerate("123"):
        expect(page.get_by_role("heading", name=f"Item {items[place].pk}", exact=True)).to_be_visible()
        expect(page.locator("[data-viewer=shown]")).to_be_visible()
        page.keyboard.press(key)
        if key == "3":
            page.keyboard.press("b")
        page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{items[3].pk}/$"))  # no longer the placeholder
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    assert asked == [], "looked at only when opened"
    page.keyboard.press("y")
    faces = page.get_by_role("list", name="The faces that you decided last").get_by_role("link")
    expect(faces).to_have_count(3)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.recent-faces img')].every((image) => image.naturalWidth > 0)"
    )
    page.screenshot(path=PICTURES / f"recent-{scheme}.png")
    faces.nth(2).click()
    expect(page.get_by_role("heading", name=f"Item {items[0].pk}", exact=True)).to_be_visible()
