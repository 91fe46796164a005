"""The queue page in a browser: a senior's list, a reviewer's numbers, and reservations that yield."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.release import item_escalate, item_hand_over
from tests.browser.screens import LOOKS, PICTURES, SIZES, claim
from tests.browser.waiting import eventually
from tests.factories.claims import claim_next
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]


@pytest.fixture
def busy(enqueue: Enqueue, alice: User, bob: User, staff: Callable[..., User]) -> User:
    """A queue with something of everything; the senior who oversees it."""
    sue = staff("sue", "senior")
    for number in range(9):
        enqueue("split_vote" if number % 3 else "unanimous_fake", number / 10, image=jpeg_bytes(seed=number))
    asked = claim_next(alice)
    item_escalate(item_id=asked.pk, reviewer=alice, message="Is the nose pasted?")
    assert claim_next(sue) == asked
    decision_record(item_id=asked.pk, reviewer=sue, label="fake", note="Yes: a seam at its left side.")
    decision_record(item_id=claim_next(alice).pk, reviewer=alice, label="real")
    item_hand_over(item_id=claim_next(alice).pk, reviewer=alice, to=bob)
    waiting = ReviewItem.objects.filter(state="open").order_by("pk")
    for number, item in enumerate(waiting):
        age = timedelta(hours=number)
        ReviewItem.objects.filter(pk=item.pk).update(opened_at=Now() - age, is_blind=number % 2 == 0)
    claim_next(alice)
    return sue


@LOOKS
def test_the_queue_page_of_a_senior_and_of_a_reviewer(
    busy: User, log_in: LogIn, alice: User, size: str, scheme: str
) -> None:
    page = log_in(busy, viewport=SIZES[size], color_scheme=scheme)
    expect(page.get_by_role("button", name="Claim item").first).to_be_visible()
    page.screenshot(path=PICTURES / f"queue-senior-{size}-{scheme}.png", full_page=True)
    page.get_by_text("Filter and sort").click()
    page.get_by_label("Waiting").select_option("Late")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("Name of this view").fill("Late ones")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("link", name="Late ones")).to_be_visible()
    page.screenshot(path=PICTURES / f"queue-filtered-{size}-{scheme}.png", full_page=True)
    wide = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    other = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    expect(other.get_by_test_id("answers")).to_contain_text("a seam at its left side")
    other.screenshot(path=PICTURES / f"queue-reviewer-{size}-{scheme}.png", full_page=True)
    assert not other.evaluate(wide)


def test_chosen_rows_stay_while_the_list_would_be_refreshed_and_are_assigned(
    busy: User, log_in: LogIn, bob: User
) -> None:
    page = log_in(busy)
    boxes = page.get_by_role("checkbox", name="Choose item")
    numbers = [int(box.get_attribute("value") or 0) for box in (boxes.nth(1), boxes.nth(2))]
    boxes.nth(1).check()
    boxes.nth(2).check()
    expect(page.locator("[data-chosen]")).to_have_text("2")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("htmx.ajax('GET', '/review/', {source: '#queue', target: '#queue', swap: 'outerHTML'})")
    expect(boxes.nth(1)).to_be_checked()
    assert asked == []
    page.get_by_label("Assign to").select_option("bob")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("status").filter(has_text="2 items are offered to bob first.")).to_be_visible()
    assert ReviewItem.objects.filter(pk__in=numbers, reserved_for=bob).count() == 2


def test_choosing_all_and_claiming_a_given_item(busy: User, log_in: LogIn) -> None:
    page = log_in(busy)
    number = page.get_by_role("checkbox", name="Choose item").count()
    page.get_by_role("checkbox", name="Choose all of this page").check()
    expect(page.locator("[data-chosen]")).to_have_text(str(number))
    page.get_by_role("checkbox", name="Choose all of this page").uncheck()
    expect(page.locator("[data-chosen]")).to_have_text("0")
    waiting = ReviewItem.objects.filter(state="open", reserved_for=None).order_by("-pk")[0]
    page.get_by_role("button", name=f"Claim item {waiting.pk}", exact=True).click()
    expect(page.get_by_role("heading", name=f"Item {waiting.pk}", exact=True)).to_be_visible()
    assert ReviewItem.objects.get(pk=waiting.pk).claimed_by == busy


def test_the_last_item_goes_to_who_asks_for_it_and_not_to_who_fetched_it_ahead(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User
) -> None:
    first, last = (enqueue(risk=risk, image=jpeg_bytes(seed=int(10 * risk))) for risk in (0.9, 0.1))
    page = log_in(alice)
    claim(page)
    is_reserved = ReviewItem.objects.filter(pk=last.pk, reserved_for=alice, is_reserved_ahead=True).exists
    eventually(page, is_reserved, "alice's page never fetched the next face")
    other = log_in(bob)
    claim(other)
    expect(other.get_by_role("heading", name=f"Item {last.pk}", exact=True)).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    expect(page.get_by_role("heading", name="Review queue")).to_be_visible()
    other.keyboard.press("2")
    other.keyboard.press("Enter")
    expect(other.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    assert list(Decision.objects.order_by("pk").values_list("item", "reviewer", "label")) == [
        (first.pk, alice.pk, "real"),
        (last.pk, bob.pk, "fake"),
    ]


def test_times_are_in_the_browsers_zone_until_another_is_chosen(
    log_in: LogIn, staff: Callable[..., User]
) -> None:
    page = log_in(staff("ada", "admin"), timezone_id="Asia/Tokyo")
    page.goto("/insights/audit/")
    expect(page.locator("tbody time").first).to_contain_text("JST")
    page.goto("/account/")
    page.get_by_role("combobox", name="Time zone").select_option("Asia/Kolkata")
    page.get_by_role("region", name="Time zone").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Your time zone is saved.")).to_be_visible()
    page.screenshot(path=PICTURES / "account-zone.png")
    page.goto("/insights/audit/")
    expect(page.locator("tbody time").first).to_contain_text("IST")
