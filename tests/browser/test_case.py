"""From an item to its case and back: attempts, a comment for a colleague, and an appeal that the colleague judges."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import CaseComment, ReviewItem
from kyc_review.submissions.models import Submission
from tests.browser.screens import LOOKS, PICTURES, SIZES, claim, fits

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]


def photographed(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@LOOKS
def test_a_comment_reaches_a_colleague_and_an_appeal_is_judged_by_another(
    enqueue: Enqueue,
    log_in: LogIn,
    alice: User,
    bob: User,
    staff: Callable[..., User],
    portrait: bytes,
    size: str,
    scheme: str,
) -> None:
    item = enqueue(image=portrait, applicant_ref="p-1", metadata={"branch": "Bern 12"})
    other = enqueue(image=portrait, applicant_ref="p-1").submission
    ReviewItem.objects.filter(submission=other).delete()
    Submission.objects.filter(pk=other.pk).update(
        state="completed", result="clear", result_reason="models_agree", completed_at=other.received_at
    )
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    claim(page)
    assert fits(page)
    page.get_by_role("textbox", name="Note").fill("The scarf.")
    page.get_by_role("group", name="Picture").focus()
    scale = page.locator("[data-scale]")
    expect(scale).to_contain_text("%")
    fitted = scale.inner_text()
    page.keyboard.press("+")
    expect(scale).not_to_have_text(fitted)
    zoom = scale.inner_text()
    page.keyboard.press("Shift+A")
    tab = page.get_by_role("region", name="Case", exact=True)
    expect(tab.get_by_text("Bern 12")).to_be_visible()
    expect(page.get_by_role("region", name="Alerts, votes and evidence")).to_be_hidden()
    expect(page.get_by_test_id("attempt")).to_have_count(1)
    for picture in page.locator(".case img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth > 0")
    page.get_by_role("textbox", name="Comment").fill("@bob, is this the same scarf?")
    page.reload()
    page.get_by_role("group", name="Picture").focus()
    page.keyboard.press("+")
    expect(scale).to_have_text(zoom)
    page.keyboard.press("Shift+A")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("@bob, is this the same scarf?")
    page.get_by_role("button", name="Add comment").click()
    expect(page.get_by_test_id("comments")).to_contain_text("same scarf")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    photographed(page, f"case-{size}-{scheme}")
    page.keyboard.press("Escape")
    expect(tab).to_be_hidden()
    expect(page.get_by_role("region", name="Alerts, votes and evidence")).to_be_visible()
    expect(scale).to_have_text(zoom)
    expect(page.get_by_role("textbox", name="Note")).to_have_value("The scarf.")
    expect(page.get_by_role("timer")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    assert Submission.objects.get(pk=item.submission_id).result == "rejected"

    senior = log_in(staff("sara", "senior"), viewport=SIZES[size], color_scheme=scheme)
    senior.goto(f"/insights/submissions/{item.submission_id}/")
    senior.keyboard.press("Shift+A")
    expect(senior.get_by_test_id("decisions")).to_contain_text("alice")
    expect(senior.get_by_role("link", name=f"Item {item.pk}", exact=True)).to_be_visible()
    photographed(senior, f"case-on-submission-{size}-{scheme}")
    senior.get_by_role("textbox", name="What does the applicant say?").fill("It is me.")
    senior.get_by_role("button", name="Open the appeal").click()
    expect(senior.get_by_role("status").filter(has_text="The appeal waits")).to_be_visible()
    expect(senior.get_by_test_id("blinded")).to_be_visible()
    assert CaseComment.objects.filter(is_appeal=True).count() == 1

    colleague = log_in(bob, viewport=SIZES[size], color_scheme=scheme)
    claim(colleague)
    expect(colleague.get_by_role("heading", name="First look")).to_be_visible()
    expect(colleague.locator("[data-case-opener]")).to_have_count(0)
    colleague.goto(f"/review/cases/{item.submission_id}/")
    expect(colleague.get_by_test_id("blinded")).to_be_visible()
    photographed(colleague, f"case-blinded-{size}-{scheme}")
    expect(colleague.get_by_text("same scarf")).to_have_count(0)
