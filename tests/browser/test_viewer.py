"""The viewer and the evidence panel in a real browser; pictures go to test-artifacts/looks/."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence
from kyc_review.review.models import ReviewItem
from tests.browser.test_looks import PICTURES, SIZES, fits

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
Examine = Callable[[ReviewItem], Evidence]
LogIn = Callable[..., Page]


def open_next(page: Page) -> None:
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()


def scale(page: Page) -> int:
    return int(page.locator("[data-scale]").inner_text().split("at ")[1].split(" ")[0])


def ink(page: Page, pane: str = "photo") -> int:
    """How many pixels of a pane's canvas are painted."""
    return int(
        page.evaluate(
            """(name) => { const c = document.querySelector(`[data-name=${name}] canvas.photo`);
               const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
               let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }""",
            pane,
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_linked_panes_and_evidence_fit_the_window(
    enqueue: Enqueue,
    examine: Examine,
    champion: object,
    log_in: LogIn,
    alice: User,
    portrait: bytes,
    size: str,
    scheme: str,
) -> None:
    item = enqueue("split_vote", 0.71, (0.162, 0.418, 0.713, 0.087, 0.571), image=portrait)
    examine(item)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    open_next(page)
    page.wait_for_timeout(150)
    page.screenshot(path=PICTURES / f"viewer-one-{size}-{scheme}.png")
    for key in "lwa":
        page.keyboard.press(key)
    page.mouse.move(300, 300)
    page.wait_for_timeout(250)
    page.screenshot(path=PICTURES / f"viewer-four-{size}-{scheme}.png")
    page.keyboard.press("6")
    page.wait_for_timeout(150)
    page.screenshot(path=PICTURES / f"viewer-eyes-{size}-{scheme}.png")
    assert fits(page)
