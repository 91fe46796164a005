"""Answers that need a second person, doubt, and what one learns the day after."""

import io
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from detection.forensics.tamper_mask import tamper_overlay
from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence
from kyc_review.review import lessons
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import derivatives
from kyc_review.workbench import lesson_views
from kyc_review.workbench.presenters import ANOTHER_JUDGES, TWO_PEOPLE
from tests.browser.screens import LOOKS, PICTURES, SIZES, claim, fits
from tests.browser.waiting import eventually
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]

IN_PANEL = """chips => {
    const panel = document.querySelector(".panel").getBoundingClientRect();
    return chips.every(chip => {
        const box = chip.getBoundingClientRect();
        const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return box.left >= panel.left && box.right <= panel.right && (chip.contains(over) || over.contains(chip));
    });
}"""
in_view = """place => { const box = place.getBoundingClientRect();
    return box.width > 0 && box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth; }"""


@LOOKS
def test_two_people_are_announced_before_the_first_decides_and_doubt_is_one_key(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User, portrait: bytes, size: str, scheme: str
) -> None:
    item = enqueue("unanimous_fake", 0.95, image=portrait)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    claim(page)
    notice = page.get_by_test_id("two-people")
    expect(notice).to_have_text(str(TWO_PEOPLE[frozenset({"real"})]))
    for answer in "321":
        page.keyboard.press(answer)
        eventually(page, partial(notice.evaluate, in_view), f"notice with {answer}")
        assert fits(page)
        chips = page.locator(".decision .chip:visible")
        assert chips.count() >= (13 if answer == "2" else 1)
        assert chips.evaluate_all(IN_PANEL), f"each chip is in the panel with {answer}"
    page.keyboard.press("u")
    doubt = page.get_by_role("checkbox", name="Not sure")
    expect(doubt).to_be_checked()
    eventually(page, partial(doubt.evaluate, in_view), "doubt")
    page.screenshot(path=PICTURES / f"two-people-{size}-{scheme}.png")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text=str(ANOTHER_JUDGES))).to_be_visible()
    page.screenshot(path=PICTURES / f"two-people-recorded-{size}-{scheme}.png")
    assert not Decision.objects.get().is_sure
    page.goto(f"/review/items/{item.pk}/")
    expect(page.get_by_test_id("waits")).to_have_text(str(ANOTHER_JUDGES))
    page.screenshot(path=PICTURES / f"two-people-waits-{size}-{scheme}.png")
    assert Submission.objects.get(pk=item.submission_id).result == ""
    other = log_in(bob, viewport=SIZES[size], color_scheme=scheme)
    claim(other)
    expect(other.get_by_role("heading", name="First look")).to_be_visible()
    other.keyboard.press("1")
    expect(other.get_by_test_id("two-people")).to_have_text(str(TWO_PEOPLE[frozenset({"real"})]))
    other.keyboard.press("Enter")
    expect(other.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    assert Submission.objects.get(pk=item.submission_id).result == "clear"
    page.reload()
    expect(page.get_by_role("heading", name=f"Item {item.pk}", exact=True)).to_be_visible()
    expect(page.get_by_test_id("waits")).to_have_count(0)


def with_mask(item: ReviewItem) -> None:
    """Evidence with the map of a model that finds the lower right quarter changed with a probability of 0.35."""
    mask = np.zeros((80, 64), np.float32)
    mask[40:, 32:] = 0.35
    overlay, facts = tamper_overlay(mask, (64, 80))
    buffer = io.BytesIO()
    overlay.save(buffer, "PNG")
    made = Evidence.objects.create(
        submission=item.submission,
        state="ready",
        computed_at=timezone.now(),
        pictures={"mask": "image/png"},
        facts={"mask": facts},
    )
    derivatives.save(made.key_of("mask"), ContentFile(buffer.getvalue()))


def pixel(page: Page, picture: Locator, is_on: bool) -> tuple[int, ...]:
    """The colour in the middle of the lower right quarter, with the mask or without it."""
    picture.locator(".lesson-mask").evaluate("(mask, isOn) => { mask.hidden = !isOn; }", is_on)
    with Image.open(io.BytesIO(picture.screenshot())) as shot:
        small = shot.convert("RGB").resize((8, 8), Image.Resampling.BOX)
        found = small.getpixel((6, 6))
    assert isinstance(found, tuple)
    return found


@LOOKS
def test_yesterday_shows_the_face_what_was_answered_and_what_others_saw(
    enqueue: Enqueue,
    log_in: LogIn,
    alice: User,
    bob: User,
    staff: Callable[..., User],
    portrait: bytes,
    size: str,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enqueue("unanimous_fake", 0.95, image=portrait)
    box = {"x": 0.3, "y": 0.35, "width": 0.4, "height": 0.12}
    marks = {"parts": ["eyes"], "methods": ["swap"], "regions": [box], "note": "A seam under the left eye."}
    for person, label, said in (
        (alice, "real", {}),
        (bob, "fake", marks),
        (staff("carol", "reviewer"), "fake", {}),
    ):
        decision_record(item_id=claim_next(person).pk, reviewer=person, label=label, **said)
    with_mask(ReviewItem.objects.earliest("pk"))
    later = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(lesson_views, "lessons", partial(lessons.lessons, now=later))
    shown = lessons.lessons(viewer=alice, now=later)[0].item
    monkeypatch.setattr(lesson_views, "lesson_item", lambda *, viewer, item_id: shown)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    page.get_by_role("link", name="Quality").click()
    page.get_by_role("link", name="Yesterday").click()
    lesson = page.get_by_test_id("lesson")
    expect(lesson).to_contain_text("You answered real.")
    expect(lesson).to_contain_text("A seam under the left eye.")
    picture = lesson.get_by_role("img", name="Selfie")
    expect(picture).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.lesson img')].every(image => image.naturalWidth)"
    )
    marked, whole = lesson.locator("rect").bounding_box(), picture.bounding_box()
    assert marked
    assert whole
    assert abs(marked["x"] - whole["x"] - 0.3 * whole["width"]) < 3
    assert abs(marked["height"] - 0.12 * whole["height"]) < 3
    without, with_colour = (pixel(page, lesson.locator(".lesson-picture"), is_on) for is_on in (False, True))
    assert with_colour[0] - with_colour[1] > without[0] - without[1] + 30, "the mask's pink can be seen"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=PICTURES / f"yesterday-{size}-{scheme}.png", full_page=True)


@LOOKS
def test_the_queue_says_that_an_item_has_no_reviewer_left(
    enqueue: Enqueue, log_in: LogIn, alice: User, bob: User, size: str, scheme: str
) -> None:
    enqueue("unanimous_fake", 0.95)
    for person, label in ((alice, "real"), (bob, "fake")):
        decision_record(item_id=claim_next(person).pk, reviewer=person, label=label)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    notice = page.get_by_test_id("without-reviewer")
    expect(notice).to_contain_text("1 item with no reviewer left")
    eventually(page, partial(notice.evaluate, in_view), "notice")
    page.screenshot(path=PICTURES / f"without-reviewer-{size}-{scheme}.png")
    page.get_by_role("link", name="Yesterday").click()
    expect(page.get_by_role("heading", name="Yesterday")).to_be_visible()


@pytest.mark.parametrize(("away_min", "is_told"), [(1, True), (6, False)])
def test_a_pause_is_suggested_after_a_long_stretch_but_not_after_a_break(
    enqueue: Enqueue, log_in: LogIn, alice: User, away_min: int, is_told: bool
) -> None:
    enqueue()
    page = log_in(alice, viewport=SIZES["1280x720"])
    claim(page)
    page.evaluate(
        """away => localStorage.setItem("stretch-" + document.body.dataset.person, JSON.stringify(
            {began: Date.now() - 50 * 60000, last: Date.now() - away * 60000, told: 0}))""",
        away_min,
    )
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The queue is empty")).to_be_visible()
    page.wait_for_function(
        "() => Date.now() - JSON.parse(localStorage.getItem('stretch-' + document.body.dataset.person)).last < 60000"
    )
    told = page.get_by_role("status").filter(has_text="minutes without a break")
    expect(told).to_have_count(int(is_told))
    page.screenshot(path=PICTURES / f"pause-{away_min}.png")
