"""Another submission's picture in a linked pane: as it is, blinking, as a difference; and gone with the next item."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.evidence.models import Likeness
from kyc_review.review.models import ReviewItem
from tests.browser.screens import LOOKS, PICTURES, SIZES, claim, fits
from tests.browser.waiting import eventually, intercept

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
Examine = Callable[[ReviewItem], object]
LogIn = Callable[..., Page]
OWN, OTHER = (200, 60, 60), (60, 60, 200)
MIDDLE = """(name) => {
    const canvas = document.querySelector(`.pane[data-name=${name}] .photo`);
    return [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3);
}"""


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (240, 320)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def is_about(found: list[int], wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(found, wanted, strict=True))


def shows(page: Page, wanted: tuple[int, ...]) -> bool:
    return is_about(page.evaluate(MIDDLE, "compared"), wanted)


@pytest.fixture
def pair(enqueue: Enqueue, examine: Examine) -> tuple[ReviewItem, ReviewItem]:
    """An item and a later one of the same applicant, with another picture, of another shape."""
    own = enqueue(risk=0.9, image=flat(OWN), applicant_ref="p-1")
    other = enqueue(risk=0.1, image=flat(OTHER, (320, 320)), applicant_ref="p-1")
    examine(own)
    return own, other


def opened(page: Page) -> None:
    page.keyboard.press("j")
    page.get_by_role("list", name="Pictures to compare with").get_by_role("button").first.click()
    eventually(page, partial(shows, page, OTHER), "the other picture")


def test_another_picture_blinks_differs_and_never_takes_the_place_of_the_items_own(
    pair: tuple[ReviewItem, ReviewItem], log_in: LogIn, alice: User
) -> None:
    page = log_in(alice, viewport=SIZES["1280x720"])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "comparisons" in request.url else None)
    claim(page)
    expect(page.get_by_role("button", name="Eyes")).to_have_count(0)
    assert all(url.endswith("/thumbnail/") for url in asked), "the list in view; more only when asked for"
    opened(page)
    for key, wanted in (("4", OWN), ("4", OTHER), ("5", (140, 0, 140)), ("5", OTHER)):
        page.keyboard.press(key)
        eventually(page, partial(shows, page, wanted), key)
        assert is_about(page.evaluate(MIDDLE, "photo"), OWN)
    looks = Event.objects.filter(action="submission.looked_at", actor_name="alice")
    assert sorted(row.detail["size"] for row in looks)[:2] == ["picture", "thumbnail"]
    assert looks.filter(detail__size="picture").count() == 1
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".pane[data-name=compared]")).to_have_count(0)


def test_the_pane_closes_with_the_item_and_comes_back_when_its_answer_is_refused(
    pair: tuple[ReviewItem, ReviewItem], log_in: LogIn, alice: User
) -> None:
    _, other = pair
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    opened(page)
    intercept(page, "**/decision/", lambda route: route.fulfill(status=500))
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Something failed (500)")).to_be_visible()
    expect(page.locator(".pane[data-name=compared]")).to_be_visible()
    assert is_about(page.evaluate(MIDDLE, "photo"), OWN)
    page.unroute("**/decision/")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Item {other.pk}", exact=True)).to_be_visible()
    expect(page.locator(".pane[data-name=compared]")).to_have_count(0)


def test_the_menu_stays_open_while_the_evidence_is_computed_and_when_it_is_there(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    own = enqueue(risk=0.9, image=flat(OWN), applicant_ref="p-1")
    enqueue(risk=0.1, image=flat(OTHER), applicant_ref="p-1")
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    expect(page.get_by_text("Being computed. You can decide without it.")).to_be_visible()
    page.keyboard.press("j")
    choices = page.get_by_role("list", name="Pictures to compare with").get_by_role("button")
    expect(choices).to_have_count(1)
    listed: list[str] = []
    page.on("request", lambda sent: listed.append(sent.url) if sent.url.endswith("/comparisons/") else None)
    for _ in range(2):
        with page.expect_response("**/evidence/"):
            pass
    expect(choices).to_have_count(1)
    assert not listed, "a list that cannot have changed is not fetched again, and no look is recorded"
    examine(own)
    expect(page.get_by_text("Being computed. You can decide without it.")).to_have_count(0)
    expect(choices).to_have_count(1)
    choices.first.click()
    eventually(page, partial(shows, page, OTHER), "the other picture")


def focus_is_in(page: Page, place: str) -> bool:
    return bool(page.evaluate("place => Boolean(document.activeElement.closest(place))", place))


def test_with_the_keyboard_the_menu_is_opened_chosen_from_and_closed_and_the_focus_is_never_lost(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    own = enqueue(risk=0.9, image=flat(OWN), applicant_ref="p-1")
    for _ in range(2):  # without an item
        other = enqueue(risk=0.1, image=flat(OTHER), applicant_ref="p-1")
        other.delete()
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    menu = page.locator(".compare-menu")
    choices = page.get_by_role("list", name="Pictures to compare with").get_by_role("button")
    page.keyboard.press("j")
    expect(choices.first).to_be_focused()
    names = choices.all_inner_texts()
    assert len(names) == len(set(names)) == 2, "each can be told from the others"
    assert all(name.startswith("Submission ") for name in names)
    examine(own)
    expect(page.get_by_text("Being computed. You can decide without it.")).to_have_count(0)
    assert focus_is_in(page, ".compare-menu"), "the toolbar was swapped meanwhile"
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(choices.first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    eventually(page, partial(shows, page, OTHER), "the other picture")
    assert focus_is_in(page, "[data-stage]"), "Enter submits again"
    page.get_by_role("button", name="Close").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pane[data-name=compared]")).to_have_count(0)
    assert focus_is_in(page, "[data-stage]")
    page.keyboard.press("j")
    expect(choices.first).to_be_focused()
    page.keyboard.press("j")
    expect(menu.locator("summary")).to_be_focused()
    for name, key in (("More", "o"), ("Tone", "t")):
        page.keyboard.press(key)
        opened_menu = page.locator("details[open]").filter(has_text=name)
        expect(opened_menu).to_have_count(1)
        page.keyboard.press("Escape")
        expect(opened_menu).to_have_count(0)


def test_the_reference_image_is_the_first_choice_and_is_there_before_the_first_call(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    item = enqueue(image=flat(OWN), reference_image=flat(OTHER, (160, 200)))
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    opened(page)
    expect(page.locator(".pane[data-name=compared] .pane-head")).to_contain_text("Reference image")
    number, other = (
        page.locator(place).bounding_box() for place in (".stage-number", ".pane[data-name=compared]")
    )
    assert number is not None
    assert other is not None
    assert number["x"] + number["width"] < other["x"], "the item's number stands over the item's picture"
    assert Event.objects.filter(action="submission.reference_looked_at", actor_name="alice").count() == 2
    page.screenshot(path=PICTURES / "compare-reference.png")


@LOOKS
def test_the_pane_and_its_choice_fit_the_window(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, portrait: bytes, size: str, scheme: str
) -> None:
    own = enqueue(risk=0.9, image=portrait, applicant_ref="p-1")
    for number, result in enumerate(("clear", "rejected", "")):
        twin = enqueue(risk=0.1, image=portrait, applicant_ref=f"p-{number % 2 + 1}")
        Likeness.objects.create(
            submission=twin.submission, earlier=own.submission, bits_apart=0, same_file=True
        )
        if result:
            type(twin.submission).objects.filter(pk=twin.submission_id).update(
                state="completed", result=result, completed_at=twin.submission.received_at
            )
            ReviewItem.objects.filter(pk=twin.pk).update(state="decided", decided_at=twin.opened_at)
    examine(own)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    claim(page)
    page.keyboard.press("j")
    choices = page.get_by_role("list", name="Pictures to compare with").get_by_role("button")
    expect(choices).to_have_count(3)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.comparison img')].every((i) => i.naturalWidth)"
    )
    page.screenshot(path=PICTURES / f"compare-choice-{size}-{scheme}.png")
    choices.first.click()
    page.get_by_role("button", name="Difference").wait_for()
    eventually(page, lambda: page.evaluate(MIDDLE, "compared") == page.evaluate(MIDDLE, "photo"))
    page.screenshot(path=PICTURES / f"compare-{size}-{scheme}.png")
    assert fits(page)
