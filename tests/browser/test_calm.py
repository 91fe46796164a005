"""Pages that are light, and on which nothing moves by itself: on opening, and on the way from one face to the next."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from tests.browser.screens import SIZES
from tests.browser.waiting import FRAMES
from tests.factories.photographs import photograph, saved

pytestmark = pytest.mark.django_db(transaction=True)
LogIn = Callable[..., Page]
Examine = Callable[[ReviewItem], object]
WEIGHT_MAX = 300_000
# Of the window: what moved times how far. 0.1 is commonly called good.
SHIFT_MAX = 0.02

# Every shift, also those right after a key, which the usual measure forgives.
WATCH_SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
            window.shifts.push([value, sources.map(({ node }) => node?.outerHTML?.slice(0, 120) ?? node?.nodeName)]);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""

PAGES = {
    "reviewer": [
        "/review/",
        "/review/quality/",
        "/review/yesterday/",
        "/review/keys/",
        "/account/",
        "/account/second-factor/",
    ],
    "senior": ["/review/", "/insights/", "/insights/loop/", "/insights/search/"],
    "admin": ["/retraining/", "/integrations/", "/webhooks/", "/people/", "/insights/audit/"],
}


def moved(page: Page) -> float:
    page.evaluate(FRAMES)
    shifts = page.evaluate("window.shifts.splice(0)")
    total = sum(value for value, _ in shifts)
    assert total < SHIFT_MAX, shifts
    return float(total)


@pytest.mark.parametrize("role", PAGES)
def test_pages_are_light_and_stand_still_on_opening(
    enqueue: Callable[..., ReviewItem], log_in: LogIn, staff: Callable[..., User], role: str
) -> None:
    for number in range(12):
        enqueue(risk=number / 12)
    page = log_in(staff("robin", role), viewport=SIZES["1280x720"])
    page.add_init_script(WATCH_SHIFTS)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    for address in PAGES[role]:
        page.goto("about:blank")
        answers.clear()
        page.goto(address, wait_until="networkidle")
        weight = {answer.url: len(answer.body()) for answer in answers if answer.status == 200}
        print(f"{address}: {sum(weight.values()) / 1000:.0f} kB, moved by {moved(page):.4f}")
        assert 0 < sum(weight.values()) < WEIGHT_MAX, weight


@pytest.mark.parametrize("is_blind", [False, True], ids=["open", "blind"])
def test_nothing_moves_on_the_way_from_one_face_to_the_next(
    enqueue: Callable[..., ReviewItem],
    examine: Examine,
    log_in: LogIn,
    alice: User,
    is_blind: bool,
) -> None:
    for number, risk in enumerate(
        (0.9, 0.5, 0.4)
    ):  # another picture each: a judged face is not offered again, blind
        examine(enqueue(risk=risk, image=saved(photograph(number), 90)))
    ReviewItem.objects.update(is_blind=is_blind)
    page = log_in(alice, viewport=SIZES["1280x720"])
    page.add_init_script(WATCH_SHIFTS)
    page.reload()
    page.keyboard.press("c")
    expect(page.get_by_text("shown at")).to_be_visible()
    page.evaluate("window.shifts.splice(0)")  # one page took another's place
    places = []
    for label in ("real", "fake"):
        page.reload(wait_until="networkidle")
        moved(page)
        choice = page.locator(f".choice.{label}")
        places.append(choice.bounding_box())
        page.keyboard.press("1" if label == "real" else "2")
        expect(page.get_by_text("models and their combination say fake")).to_be_visible()
        assert choice.bounding_box() == places[-1], "it stays under the pointer"
        before = page.url
        page.evaluate("window.shifts.splice(0)")
        page.keyboard.press("Enter")
        page.wait_for_function("(before) => location.href !== before", arg=before)
        expect(page.get_by_text("shown at")).to_be_visible()
        moved(page)
    assert urlsplit(page.url).path.startswith("/review/items/")


def test_an_answer_within_300_ms_shows_no_sign_of_waiting(
    enqueue: Callable[..., ReviewItem], log_in: LogIn, alice: User
) -> None:
    enqueue()
    page = log_in(alice)
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    delay = page.evaluate(
        """() => {
            const placeholder = document.querySelector('[data-panel=awaited]');
            placeholder.hidden = false;
            return getComputedStyle(placeholder.querySelector('p')).animationDelay;
        }"""
    )
    assert delay == "0.3s"
    assert page.locator(".htmx-indicator, progress, [role=progressbar]").count() == 0
