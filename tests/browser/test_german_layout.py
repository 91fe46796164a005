"""German words are longer: nothing is cut off at the smallest usual window, and the first call moves no picture."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from tests.browser.screens import PICTURES, SIZES, cut_off
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]
SPLIT = (0.162, 0.418, 0.713, 0.087, 0.571)


def speaks(person: User, language: str) -> User:
    User.objects.filter(pk=person.pk).update(language=language)
    return person


def test_no_button_or_table_of_a_german_page_is_cut_off(
    enqueue: Enqueue, log_in: LogIn, alice: User, staff: Callable[..., User], portrait: bytes
) -> None:
    for _ in range(4):
        enqueue("split_vote", 0.47, SPLIT, image=portrait, applicant_ref="p-1")
    decided = claim_next(alice)
    decision_record(item_id=decided.pk, reviewer=alice, label="fake", note="A seam at the left ear.")
    senior, admin = speaks(staff("sue", "senior"), "de"), speaks(staff("ada", "admin"), "de")
    case = f"/review/cases/{decided.submission_id}/"
    pages = {
        senior: {
            "queue": "/review/",
            "quality": "/review/quality/",
            "case": case,
            "item": f"/review/items/{decided.pk}/",
        },
        speaks(staff("audrey", "auditor"), "de"): {"records": "/records/"},
        admin: {"notices": "/notices/", "search": "/insights/search/", "dashboard": "/insights/"},
    }
    found = {}
    for person, addresses in pages.items():
        page = log_in(person, viewport=SIZES["1280x720"])
        for name, address in addresses.items():
            answer = page.goto(address)
            assert answer is not None
            assert answer.ok, address
            expect(page.locator("html")).to_have_attribute("lang", "de")
            assert page.locator(".bar nav").evaluate("bar => bar.scrollWidth <= bar.clientWidth"), name
            page.screenshot(path=PICTURES / f"german-{name}.png")
            found[name] = cut_off(page)
    page = log_in(speaks(alice, "de"), viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    page.keyboard.press("i")
    page.keyboard.press("2")
    page.screenshot(path=PICTURES / "german-workbench.png")
    found["workbench"] = cut_off(page)
    page.keyboard.press("o")
    page.screenshot(path=PICTURES / "german-aside.png")
    found["aside"] = cut_off(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+A")
    expect(page.get_by_test_id("attempt").first).to_be_visible()
    page.screenshot(path=PICTURES / "german-case-tab.png")
    found["case tab"] = cut_off(page)
    assert {name: cut for name, cut in found.items() if cut} == {}


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_first_call_and_an_error_move_neither_picture_nor_answers(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes, language: str
) -> None:
    item = enqueue("split_vote", 0.47, SPLIT, image=portrait)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    page = log_in(speaks(alice, language), viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    stage, answers = page.locator(".stage"), page.locator(".choices")
    before, places = stage.bounding_box(), answers.bounding_box()
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).not_to_be_empty()
    assert answers.bounding_box() == places
    page.keyboard.press("2")
    expect(page.get_by_test_id("votes")).to_be_visible()
    page.screenshot(path=PICTURES / f"first-call-{language}.png")
    assert stage.bounding_box() == before
