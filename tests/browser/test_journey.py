"""What a reviewer does in a day, in a real browser."""

import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from tests.browser.screens import claim
from tests.browser.waiting import intercept
from tests.factories.claims import expire

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]


def test_the_whole_way_from_login_to_an_empty_queue(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    split, sure = enqueue("split_vote", 0.4), enqueue("unanimous_fake", 0.9)
    page = log_in(alice)
    page.evaluate("window.stayed = true")
    claim(page)
    expect(page).to_have_url(re.compile(rf"/review/items/{sure.pk}/$"))
    expect(page.get_by_role("timer")).to_contain_text(re.compile(r"9:5\d|10:00"))
    page.locator("label", has=page.get_by_role("radio", name="Fake")).click()
    page.get_by_label("Note").fill("Painted teeth.")
    page.get_by_role("button", name="Submit").click()
    expect(page).to_have_url(re.compile(rf"/review/items/{split.pk}/$"))
    expect(page.get_by_text(f"Item {sure.pk}: fake. Recorded.")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert page.evaluate("window.stayed") is True, "the page was never reloaded"
    assert page.title().startswith("Review queue")
    made = {decision.item_id: (decision.label, decision.note) for decision in Decision.objects.all()}
    assert made == {sure.pk: ("fake", "Painted teeth."), split.pk: ("real", "")}
    results = dict(Submission.objects.values_list("pk", "result"))
    assert results == {sure.submission_id: "rejected", split.submission_id: "clear"}


def test_an_empty_queue_fills_by_itself(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    page = log_in(alice)
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    enqueue()
    expect(page.get_by_role("region", name="The queue is empty")).to_be_hidden(timeout=15_000)
    expect(page.get_by_role("list", name="What waits")).to_contain_text("the oldest")


def test_two_reviewers_racing_get_different_items(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User
) -> None:
    for _ in range(4):  # one to decide and one reserved ahead for each of the two
        enqueue()
    pages = [log_in(alice), log_in(bob)]
    for page in pages:
        page.get_by_role("button", name="Claim next").click(no_wait_after=True)
    for page in pages:
        expect(page.locator("[data-viewer=shown]")).to_be_visible()
    assert pages[0].url != pages[1].url
    claimants = ReviewItem.objects.exclude(claimed_by=None).values_list("claimed_by__username", flat=True)
    assert sorted(claimants) == ["alice", "bob"]


def test_a_late_decision_says_so_keeps_the_note_and_the_next_claim_goes_on(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User
) -> None:
    item = enqueue()
    page = log_in(alice)
    claim(page)
    page.get_by_label("Note").fill("Two light sources.")
    expire(item)
    claim(log_in(bob))
    page.locator("label", has=page.get_by_role("radio", name="Real")).click()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("A colleague holds this item now.")).to_be_visible()
    expect(page.get_by_label("Your note")).to_have_value("Two light sources.")
    assert not Decision.objects.exists()
    following = enqueue()
    page.get_by_role("button", name="Claim next").click()
    expect(page).to_have_url(re.compile(rf"/items/{following.pk}/$"))
    expect(page.get_by_label("Note")).to_have_value("")


def test_claiming_the_lost_item_again_brings_the_note_along(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    item = enqueue()
    page = log_in(alice)
    claim(page)
    page.get_by_label("Note").fill("Two light sources.")
    expire(item)
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was recorded")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    expect(page.get_by_role("radio", name="Real")).not_to_be_checked()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert Decision.objects.get().note == "Two light sources."


def test_the_page_itself_notices_the_end_of_the_claim(
    enqueue: Enqueue, log_in: LogIn, alice: User, settings: LazySettings
) -> None:
    settings.CLAIM_LEASE_S = 4
    enqueue()
    page = log_in(alice)
    claim(page)
    page.get_by_label("Note").fill("half a sent")
    expect(page.get_by_text("Nothing was recorded")).to_be_visible(timeout=15_000)
    expect(page.get_by_label("Your note")).to_have_value("half a sent")
    expect(page.locator("#claim")).to_be_hidden()


def test_the_heartbeat_renews_while_the_page_is_attended_and_stops_when_it_is_not(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    enqueue()
    page = log_in(alice)
    page.clock.install()
    claim(page)
    beats: list[str] = []
    page.on("request", lambda request: beats.append(request.url) if request.url.endswith("/claim/") else None)
    page.mouse.move(200, 200)
    for _ in range(3):
        with page.expect_response("**/claim/"):
            page.clock.run_for(31_000)
        expect(page.get_by_role("timer")).to_contain_text(re.compile(r"9:5\d|10:00"))
    page.clock.run_for(210_000)
    page.wait_for_load_state("networkidle")
    heard = len(beats)
    page.clock.run_for(200_000)
    page.wait_for_load_state("networkidle")
    assert len(beats) == heard, "no input for five minutes"


def test_keys_are_ignored_while_typing(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    item = enqueue()
    page = log_in(alice)
    claim(page)
    page.keyboard.press("n")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.type("12s?c")
    expect(page.get_by_label("Note")).to_have_value("12s?c")
    expect(page.get_by_role("radio", name="Real")).not_to_be_checked()
    expect(page.get_by_role("radio", name="Fake")).not_to_be_checked()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert ReviewItem.objects.get(pk=item.pk).state == "claimed"
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Fake")).to_be_checked()


def test_no_single_key_decides(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    enqueue()
    page = log_in(alice)
    claim(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose real, fake or not assessable first.")).to_be_visible()
    for key in ("1", "2"):
        page.keyboard.press(key)
    assert not Decision.objects.exists()


def test_skipping_by_key_and_the_sheet_of_keys(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    enqueue()
    page = log_in(alice)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    claim(page)
    page.keyboard.press("s")
    expect(page.get_by_text("You skipped 1 waiting item")).to_be_visible()
    page.get_by_role("button", name="Show them again").click()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()


def test_a_lost_connection_is_said_and_the_decision_can_be_repeated(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    enqueue()
    page = log_in(alice)
    claim(page)
    page.get_by_label("Note").fill("Still here.")
    page.locator("label", has=page.get_by_role("radio", name="Fake")).click()
    page.context.set_offline(True)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("No connection.")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("The queue is empty")).to_be_visible()
    assert (Decision.objects.get().label, Decision.objects.get().note) == ("fake", "Still here.")


def test_nobody_decides_on_a_face_that_was_not_shown(enqueue: Enqueue, log_in: LogIn, alice: User) -> None:
    enqueue()
    page = log_in(alice)
    intercept(page, "**/image/", lambda route: route.abort())
    page.get_by_role("button", name="Claim next").click()
    expect(page.get_by_text("The image cannot be shown")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("look before you decide")).to_be_visible()
    assert not Decision.objects.exists()


def test_the_theme_follows_the_system_and_the_toggle_is_remembered(log_in: LogIn, alice: User) -> None:
    page = log_in(alice, color_scheme="dark")

    def ground() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = ground()
    page.get_by_role("button", name="Switch between light and dark").click()
    light = ground()
    assert light != dark
    page.reload()
    assert ground() == light
    page.emulate_media(color_scheme="light")
    assert ground() == light
