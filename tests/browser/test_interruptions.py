"""A session that ended, a sign-in in another tab and a wrong clock: nothing typed or chosen is lost."""

import json
import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.claims import RELEASED
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.shortcuts import keys_choose
from tests.browser.screens import SIZES, claim
from tests.browser.waiting import eventually, steady
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]
Examine = Callable[..., object]


def sign_in(page: Page, user: User) -> None:
    page.get_by_label("User name").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def typed(page: Page) -> None:
    page.keyboard.press("2")
    page.get_by_label("Note").fill("A seam at the chin.")
    page.keyboard.press("Escape")


def is_as_typed(page: Page) -> None:
    expect(page.get_by_label("Note")).to_have_value("A seam at the chin.")
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()


def test_after_a_session_ended_the_form_is_there_again_behind_the_sign_in(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    item = enqueue()
    examine(item)
    page = log_in(alice)
    claim(page)
    typed(page)
    Session.objects.all().delete()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/login/\?next="))
    expect(page.get_by_role("region", name="Log in").get_by_role("status")).to_contain_text(
        "session had ended"
    )
    assert not Decision.objects.exists()
    sign_in(page, alice)
    expect(page).to_have_url(re.compile(rf"/review/items/{item.pk}/$"))
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    is_as_typed(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert (Decision.objects.get().label, Decision.objects.get().note) == ("fake", "A seam at the chin.")


def test_another_person_who_signs_in_where_a_session_ended_finds_an_empty_form(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User
) -> None:
    item = enqueue()
    page = log_in(alice)
    claim(page)
    typed(page)
    Session.objects.all().delete()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/login/\?next="))
    ReviewItem.objects.update(**RELEASED)
    sign_in(page, bob)
    page.goto("/review/")
    claim(page)
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("")
    expect(page.get_by_role("radio", name="Fake")).not_to_be_checked()
    assert ReviewItem.objects.get(pk=item.pk).claimed_by == bob


@pytest.mark.parametrize("asks_for", ["evidence", "claim"])
def test_what_a_page_asks_by_itself_after_a_session_ended_does_not_lead_away_from_it(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, settings: LazySettings, asks_for: str
) -> None:
    item = enqueue()
    if asks_for == "claim":
        settings.CLAIM_LEASE_S = 50  # so that it is renewed every few seconds
        examine(item)
    page = log_in(alice)
    claim(page)
    typed(page)
    Session.objects.all().delete()
    page.mouse.move(200, 200)
    notice = page.locator("[data-session-ended]")
    expect(notice).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile(rf"/review/items/{item.pk}/$"))
    is_as_typed(page)
    notice.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/login/\?next="))
    sign_in(page, alice)
    expect(page).to_have_url(re.compile(rf"/review/items/{item.pk}/$"))
    is_as_typed(page)


def test_a_sign_in_in_another_tab_ends_in_a_sentence_and_the_form_as_it_was(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    examine(enqueue())
    page = log_in(alice)
    claim(page)
    typed(page)
    other = page.context.new_page()
    other.goto("/review/")
    other.get_by_role("button", name="Log out").click()
    sign_in(other, alice)
    expect(other.get_by_role("heading", name="Review queue")).to_be_visible()
    page.bring_to_front()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("you logged in again")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    assert not Decision.objects.exists()
    is_as_typed(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert Decision.objects.get().label == "fake"


def test_a_computer_whose_clock_is_set_back_renews_its_claim(
    enqueue: Enqueue, log_in: LogIn, alice: User, settings: LazySettings
) -> None:
    settings.CLAIM_LEASE_S = 50  # so that it is renewed every few seconds
    enqueue()
    page = log_in(alice)
    claim(page)
    page.evaluate("() => { const now = Date.now; Date.now = () => now() - 3600_000; }")
    assert page.evaluate("new Date().getTime() - Date.now()") > 3_000_000
    page.mouse.move(200, 200)
    with page.expect_response("**/claim/", timeout=20_000) as renewed:
        page.mouse.move(210, 200)
    assert renewed.value.status == 204
    expect(page.get_by_role("timer")).to_contain_text(re.compile(r"0:[45]\d"))


def scale(page: Page) -> str:
    return page.locator("[data-scale]").inner_text()


@pytest.mark.parametrize("keeps", [False, True])
def test_the_zoom_is_kept_for_those_who_chose_it_and_for_no_other(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes, keeps: bool
) -> None:
    keys_choose(user=alice, wished={}, is_on=True, keeps_zoom=keeps)
    for risk in (0.9, 0.5):
        enqueue(risk=risk, image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    expect(page.locator("[data-scale]")).to_contain_text("%")
    fitted = steady(page, lambda: scale(page))
    page.keyboard.press("+")
    page.keyboard.press("+")
    eventually(page, lambda: scale(page) != fitted)
    near = steady(page, lambda: scale(page))
    address = page.url
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_function("(before) => location.href !== before", arg=address)
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    assert steady(page, lambda: scale(page)) == (near if keeps else fitted)


def test_no_more_boxes_are_drawn_than_can_be_sent(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    enqueue(image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    page.keyboard.press("2")
    page.keyboard.press("k")
    for place in range(21):
        page.mouse.move(300 + 5 * place, 300)
        page.mouse.down()
        page.mouse.move(380 + 5 * place, 380, steps=2)
        page.mouse.up()
    expect(page.get_by_text("Up to 20 regions can be marked.")).to_be_visible()
    assert len(json.loads(page.locator("[data-boxes]").input_value())) == 20
