"""Undo, the first look, the next face that is there already, drafts and the menu of ways out, in a real browser."""

import json
import re
import statistics
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, Route, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from tests.browser.screens import PICTURES, SIZES, claim, fits
from tests.browser.waiting import intercept
from tests.factories.photographs import photograph, saved

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]


def test_undo_brings_the_item_back_and_the_next_one_waits(
    enqueue: Enqueue, log_in: LogIn, alice: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 10
    first, second = enqueue(risk=0.9), enqueue(risk=0.1)
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{second.pk}/$"))
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.screenshot(path=PICTURES / "undo-1280x720.png")
    assert fits(page)
    page.keyboard.press("Control+z")
    expect(page).to_have_url(re.compile(rf"/{first.pk}/$"))
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()
    assert not Decision.objects.standing().exists()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{second.pk}/$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_votes_stay_hidden_until_the_first_call(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes, scheme: str
) -> None:
    item = enqueue("unanimous_fake", 0.9, image=portrait)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    page = log_in(alice, viewport=SIZES["1280x720"], color_scheme=scheme)
    claim(page)
    expect(page.get_by_role("heading", name="First look")).to_be_visible()
    assert "models and their combination say fake" not in page.content()
    assert "All votes" not in page.content()
    assert fits(page)
    page.screenshot(path=PICTURES / f"blinded-{scheme}.png")
    page.keyboard.press("1")
    expect(page.get_by_text("models and their combination say fake")).to_be_visible()
    expect(page.get_by_text("All votes say fake")).to_be_visible()
    expect(page.get_by_role("radio", name="Real")).to_be_checked()
    expect(page.get_by_role("button", name="Error levels")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert (FirstCall.objects.get().label, Decision.objects.get().label) == ("real", "fake")


def test_the_next_face_is_there_before_it_is_asked_for(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    for number in range(7):
        enqueue(risk=number / 10, image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/image/" in request.url else None)
    page.evaluate(WATCH_IMAGES)
    claim(page)
    waits = []
    for number in range(6):
        expect(page.locator("[data-viewer=shown]")).to_be_visible()
        page.wait_for_function(IS_AHEAD, arg=min(6, number + 1))
        waits.append(page.evaluate(KEY_TO_FACE))
    print(f"key to next face: median {statistics.median(waits):.0f} ms, slowest {max(waits):.0f} ms")
    assert Decision.objects.count() == 6
    assert len(fetched) == len(set(fetched)) == 7


def decided_while_the_answer_waits(page: Page, first: ReviewItem, second: ReviewItem) -> list[Route]:
    """Call the first face real and see the second; the decision is held on its way, and only this one."""
    page.evaluate(WATCH_IMAGES)
    claim(page)
    page.wait_for_url(f"**/{first.pk}/")
    viewer = page.locator("[data-viewer]")
    expect(viewer).to_have_attribute("data-face", f"/review/items/{first.pk}/image/")
    page.wait_for_function(IS_AHEAD, arg=1)
    held: list[Route] = []
    intercept(page, "**/decision/", lambda route: route.continue_() if held else held.append(route))
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(viewer).to_have_attribute("data-face", f"/review/items/{second.pk}/image/")
    while not held:  # the next face is shown before the browser has handed the request over
        page.wait_for_timeout(20)
    return held


def test_the_next_face_shows_before_the_server_has_answered_and_goes_again_when_it_refuses(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    first, second = enqueue(risk=0.9, image=portrait), enqueue(risk=0.1, image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    held = decided_while_the_answer_waits(page, first, second)
    viewer = page.locator("[data-viewer]")
    expect(page.get_by_role("heading", name=f"Item {second.pk}")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Item {first.pk}")).to_be_hidden()
    expect(page.get_by_role("button", name="Submit")).to_be_hidden()
    held[0].fulfill(status=500)
    expect(page.get_by_role("heading", name=f"Item {first.pk}")).to_be_visible()
    expect(viewer).to_have_attribute("data-face", f"/review/items/{first.pk}/image/")
    expect(page.get_by_text("Something failed (500)")).to_be_visible()
    assert not Decision.objects.exists()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{second.pk}/$"))
    expect(viewer).to_have_attribute("data-face", f"/review/items/{second.pk}/image/")


def test_keys_pressed_at_the_next_face_wait_for_its_form(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    first, second, third = (enqueue(risk=risk, image=portrait) for risk in (0.9, 0.5, 0.1))
    page = log_in(alice, viewport=SIZES["1280x720"])
    held = decided_while_the_answer_waits(page, first, second)
    for key in ("2", "Enter", "1", "Enter"):  # the third face was not seen yet
        page.keyboard.press(key)
    held[0].continue_()
    expect(page.get_by_role("heading", name=f"Item {third.pk}")).to_be_visible()
    labels = dict(Decision.objects.values_list("item", "label"))
    assert labels == {first.pk: "real", second.pk: "fake"}
    expect(page.get_by_role("radio", name="Real")).not_to_be_checked()


def test_keys_pressed_at_the_next_face_are_forgotten_when_the_decision_is_refused(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    first, second = enqueue(risk=0.9, image=portrait), enqueue(risk=0.1, image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    held = decided_while_the_answer_waits(page, first, second)
    page.keyboard.press("2")
    held[0].fulfill(status=500)
    expect(page.get_by_text("Something failed (500)")).to_be_visible()
    expect(page.get_by_role("radio", name="Real")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{second.pk}/$"))
    assert list(Decision.objects.values_list("item", "label")) == [(first.pk, "real")]
    expect(page.get_by_role("radio", name="Fake")).not_to_be_checked()


def test_the_next_items_views_are_fetched_ahead_and_shown_without_another_request(
    enqueue: Enqueue, examine: Callable, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    # Another picture for the third: a blind copy of a face that alice has judged would not be hers.
    pictures = ((0.9, portrait), (0.5, portrait), (0.1, saved(photograph(), 90)))
    items = [enqueue(risk=risk, image=image) for risk, image in pictures]
    for item in items:
        examine(item)
    page = log_in(alice, viewport=SIZES["1280x720"])
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/evidence/" in request.url else None)
    claim(page)
    with page.expect_response(f"**/items/{items[1].pk}/evidence/noise/"):
        page.keyboard.press("w")
    # Blind ones come before others: now that the second is reserved, it is the third.
    ReviewItem.objects.filter(pk=items[2].pk).update(is_blind=True)
    page.keyboard.press("1")
    with page.expect_response(f"**/items/{items[2].pk}/image/"):
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Item {items[1].pk}")).to_be_visible()
    expect(page.locator("[data-name=noise]")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert sum(f"/{items[1].pk}/evidence/noise/" in address for address in fetched) == 1
    assert not any(f"/{items[2].pk}/evidence/" in address for address in fetched), "of a blind one, nothing"


# The page makes an element for each face that it fetches ahead; this counts those whose picture has come.
WATCH_IMAGES = """() => {
    const Plain = Image;
    window.made = [];
    window.Image = function () { const image = new Plain(); window.made.push(image); return image; };
}"""
IS_AHEAD = (
    "(number) => window.made.filter((image) => image.complete && image.naturalWidth > 0).length >= number"
)

# From the press of Enter to the first frame painted with the next face, in this browser's clock.
KEY_TO_FACE = """() => new Promise((done) => {
    const before = document.querySelector('[data-viewer]');
    document.querySelector('[data-key="1"]').click();
    const start = performance.now();
    const look = () => {
        const now = document.querySelector('[data-viewer=shown]');
        if (now && now !== before) requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
        else setTimeout(look, 1);
    };
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    look();
})"""


def test_a_reload_loses_nothing_typed(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    enqueue()
    page = log_in(alice)
    claim(page)
    page.keyboard.press("2")
    page.get_by_label("Note").fill("Two light sources.")
    page.get_by_role("checkbox", name="Eyes").check(force=True)
    page.get_by_role("button", name="Mark K").click()
    page.mouse.move(400, 300)
    page.mouse.down()
    page.mouse.move(480, 360, steps=4)
    page.mouse.up()
    boxes = page.locator("[data-boxes]").input_value()
    assert boxes.count("width") == 1
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("Two light sources.")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_role("checkbox", name="Eyes")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    made = Decision.objects.get()
    assert (made.note, made.parts) == ("Two light sources.", ["eyes"])
    assert [
        {side: round(value, 4) for side, value in box.items()} for box in json.loads(boxes)
    ] == made.regions


def test_what_cannot_be_assessed_is_said_with_two_keys_and_enter(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    enqueue()
    page = log_in(alice)
    claim(page)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("State why it cannot be assessed")).to_be_visible()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert (Decision.objects.get().label, Decision.objects.get().obstacle) == ("not_assessable", "blurred")


def test_an_item_is_handed_over_from_the_menu_with_the_keyboard(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User
) -> None:
    item = enqueue()
    page = log_in(alice)
    claim(page)
    page.keyboard.press("o")
    page.get_by_label("A colleague").select_option(label="bob")
    page.get_by_label("Message to the next reviewer").fill("You know these filters.")
    page.get_by_role("button", name="Hand over").press("Enter")
    expect(page.get_by_role("status").filter(has_text="is offered to bob first.")).to_be_visible()
    other = log_in(bob)
    claim(other)
    expect(other.get_by_text("You know these filters.")).to_be_visible()
    assert ReviewItem.objects.get(pk=item.pk).claimed_by == bob


def test_the_menu_gives_way_to_a_refusal_and_to_a_click_beside_it(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User
) -> None:
    enqueue()
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    page.keyboard.press("o")
    page.get_by_role("button", name="Escalate").click()
    expect(page.get_by_text("There is no other senior reviewer to ask.")).to_be_visible()
    expect(page.get_by_role("button", name="Escalate")).to_be_hidden()
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Escalate")).to_be_visible()
    page.get_by_role("heading", level=1).click()
    expect(page.get_by_role("button", name="Escalate")).to_be_hidden()


def test_a_first_call_whose_answer_was_lost_is_sent_again_with_the_next_press_and_then_no_more(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    item = enqueue("split_vote", 0.9)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    page = log_in(alice)
    claim(page)
    intercept(page, "**/first-call/", lambda route: route.abort())
    page.keyboard.press("1")
    expect(page.get_by_text("No connection.")).to_be_visible()
    expect(page.get_by_role("heading", name="First look")).to_be_visible()
    page.unroute("**/first-call/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "first-call" in request.url else None)
    page.keyboard.press("1")
    expect(page.get_by_text("models and their combination say fake")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert len(asked) == 1
    assert FirstCall.objects.get().label == Decision.objects.get().label == "real"
