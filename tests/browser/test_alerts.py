"""What must not be missed is in view together with the votes and the answer, without scrolling."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from django.conf import LazySettings
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.evidence.models import Evidence
from kyc_review.review.models import FirstCall, ReviewItem
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.models import Submission
from tests.browser.screens import LOOKS, PICTURES, SIZES, fits
from tests.browser.waiting import eventually
from tests.factories.photographs import photograph, saved

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
Examine = Callable[[ReviewItem], Evidence]
LogIn = Callable[..., Page]
ANSWERS = ["Real", "Fake", "Can\u2019t tell"]


def edited(portrait: bytes) -> bytes:
    """Saved twice, the second time by an editor that names itself."""
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.1"
    once = Image.open(io.BytesIO(portrait)).convert("RGB")
    return saved(Image.open(io.BytesIO(saved(once, 65))), 92, exif=exif)


@pytest.fixture
def notable(enqueue: Enqueue, examine: Examine, portrait: bytes) -> ReviewItem:
    """An item of the same file as a cleared and a rejected one of other applicants, with more to say of its file."""
    picture = edited(portrait)
    for applicant, result in (("p-1", "clear"), ("p-2", "rejected")):
        twin = enqueue("unanimous_fake", 0.9, image=picture, applicant_ref=applicant)
        examine(twin)
        Submission.objects.filter(pk=twin.submission_id).update(
            state="completed", result=result, completed_at=twin.submission.received_at
        )
        ReviewItem.objects.filter(pk=twin.pk).update(state="decided", decided_at=twin.opened_at)
    item = enqueue("split_vote", 0.7, image=picture, applicant_ref="p-3")
    CheckResult.objects.create(
        submission=item.submission, name="face_complete", status="fail", code="face_cut_off", action="review"
    )
    examine(item)
    return item


def is_whole_in_view(place: Locator) -> bool:
    """Inside the window, and nothing else lies on its corners or its middle."""
    return bool(
        place.evaluate(
            """(element) => {
                const box = element.getBoundingClientRect();
                const points = [[0.02, 0.1], [0.98, 0.1], [0.5, 0.5], [0.02, 0.9], [0.98, 0.9]];
                return points.every(([x, y]) => {
                    const at = document.elementFromPoint(box.left + x * box.width, box.top + y * box.height);
                    return at && (element.contains(at) || at.contains(element));
                });
            }"""
        )
    )


def answered_one(page: Page) -> None:
    """Decide one item, so that the bar to undo it is open at the next."""
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()


@LOOKS
def test_alerts_votes_and_answer_are_seen_without_scrolling(
    notable: ReviewItem,
    enqueue: Enqueue,
    log_in: LogIn,
    alice: User,
    settings: LazySettings,
    size: str,
    scheme: str,
) -> None:
    settings.UNDO_WINDOW_S = 60
    enqueue("unanimous_fake", 0.99)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    answered_one(page)
    alerts = page.get_by_test_id("alerts").get_by_role("link")
    expect(alerts).to_have_count(3)
    for answer, name in zip("231", ("fake", "unclear", "real"), strict=True):
        page.keyboard.press(answer)
        places = [*alerts.all(), page.get_by_test_id("votes").locator("summary")]
        places += [page.locator("label.choice", has_text=text) for text in ANSWERS]
        places += [page.get_by_role("button", name="Submit"), page.get_by_role("button", name="Undo")]
        for place in places:
            eventually(page, partial(is_whole_in_view, place), f"{answer}: {place.inner_text()}")
        assert fits(page)
        page.screenshot(path=PICTURES / f"alerts-{name}-{size}-{scheme}.png")


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("tablet", {"viewport": {"width": 820, "height": 1180}, "has_touch": True}),
        ("200-percent", {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2}),
        ("200-percent-of-a-wide-one", {"viewport": {"width": 960, "height": 540}, "device_scale_factor": 2}),
    ],
)
def test_the_answer_stays_in_view_on_a_tablet_and_at_200_percent(
    notable: ReviewItem,
    enqueue: Enqueue,
    log_in: LogIn,
    alice: User,
    settings: LazySettings,
    name: str,
    context: dict,
) -> None:
    settings.UNDO_WINDOW_S = 60
    enqueue("unanimous_fake", 0.99)
    page = log_in(alice, **context)
    answered_one(page)
    for answer in "231":
        page.keyboard.press(answer)
        for position in ("0", "document.body.scrollHeight"):
            page.evaluate(f"window.scrollTo(0, {position})")
            places = [page.locator("label.choice", has_text=text) for text in ANSWERS]
            places.append(page.get_by_role("button", name="Submit"))
            for place in places:
                eventually(page, partial(is_whole_in_view, place), f"{answer}: {place.inner_text()}")
            where = "top" if position == "0" else "end"
            page.screenshot(path=PICTURES / f"alerts-{name}-{answer}-{where}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_an_alert_leads_to_its_details_and_the_votes_unfold_by_key(
    notable: ReviewItem, log_in: LogIn, alice: User
) -> None:
    page = log_in(alice, viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    alerts = page.get_by_test_id("alerts").get_by_role("link")
    expect(alerts).to_have_count(3)
    expect(page.locator("[data-viewer=shown]")).to_be_visible()  # before, there is nothing to compare with
    titles = ["Conflicting verdicts", "Same file, another applicant", "Editing software"]
    for alert, title in zip(alerts.all(), titles, strict=True):
        expect(alert).to_contain_text(title)
    address = page.url
    places = ["look-alikes", "look-alikes", "finding-editor-named"]
    for alert, place in zip(alerts.all(), places, strict=True):
        alert.click()
        expect(page.locator(f"#{place}")).to_be_focused()
        expect(page.locator(f"#{place}")).to_be_in_viewport()
    assert page.url == address
    expect(page.locator(".pane[data-name=compared]")).to_have_count(1)
    expect(page.get_by_role("row", name="Model 1")).to_be_hidden()
    page.keyboard.press("i")
    expect(page.get_by_role("row", name="Model 1")).to_be_visible()


def test_an_alert_about_another_picture_shows_it_and_the_list_has_its_verdicts_and_small_pictures(
    notable: ReviewItem, log_in: LogIn, alice: User
) -> None:
    cleared, rejected = ReviewItem.objects.exclude(pk=notable.pk).order_by("pk")
    page = log_in(alice, viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    alerts = page.get_by_test_id("alerts").get_by_role("link")
    expect(alerts).to_have_count(3)
    expect(page.locator("[data-viewer=shown]")).to_be_visible()  # before, there is nothing to compare with
    conflict, same_file = alerts.all()[:2]
    conflict.click()
    head = page.locator(".pane[data-name=compared] .pane-head")
    expect(head).to_contain_text(f"Item {rejected.pk}")
    page.get_by_role("button", name="Close").click()
    same_file.click()
    expect(head).to_contain_text(f"Item {rejected.pk}")
    words = f"item {cleared.pk} cleared, item {rejected.pk} rejected"
    expect(page.get_by_test_id("conflict")).to_contain_text(words)
    pictures = page.locator(".seen img")
    expect(pictures).to_have_count(2)
    page.wait_for_function("() => [...document.querySelectorAll('.seen img')].every((i) => i.naturalWidth)")
    looks = Event.objects.filter(action="submission.looked_at", actor_name="alice")
    assert looks.filter(detail__size="thumbnail").count() == 2
    assert looks.filter(detail__size="picture").exists()
    page.get_by_role("button", name=f"Compare with item {cleared.pk}").click()
    expect(head).to_contain_text(f"Item {cleared.pk}")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=PICTURES / f"conflict-{scheme}.png")


def test_of_a_blind_item_no_alert_reaches_the_browser_before_the_first_call(
    notable: ReviewItem, log_in: LogIn, alice: User
) -> None:
    ReviewItem.objects.filter(pk=notable.pk).update(is_blind=True)
    page = log_in(alice, viewport=SIZES["1280x720"])
    received: list[str] = []
    page.on(
        "response",
        lambda answer: (
            received.append(answer.text())
            if "/review/" in answer.url and "/image/" not in answer.url
            else None
        ),
    )
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="First look")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert received
    for word in ("Photoshop", "Conflicting", "Same file", "check failed", 'data-testid="alerts"'):
        assert not any(word in text for text in received), word
    page.keyboard.press("1")
    expect(page.get_by_test_id("alerts").get_by_role("link")).to_have_count(3)
    assert FirstCall.objects.get().label == "real"


def test_alerts_that_come_with_the_evidence_appear_by_themselves(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    item = enqueue(image=edited(saved(photograph(), 90)))
    page = log_in(alice, viewport=SIZES["1280x720"])
    page.keyboard.press("c")
    expect(page.get_by_text("Being computed")).to_be_visible()
    expect(page.get_by_test_id("alerts")).to_have_count(0)
    examine(item)
    expect(page.get_by_test_id("alerts")).to_contain_text("Photoshop")
