"""A correction takes what a decision takes: parts, methods and boxes of a fake, a reason of what cannot be assessed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from tests.browser.screens import LOOKS, PICTURES, SIZES
from tests.factories.claims import claim_next

pytestmark = pytest.mark.django_db(transaction=True)


@LOOKS
def test_a_correction_to_fake_has_parts_methods_and_boxes(
    enqueue: Callable[..., ReviewItem],
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    alice: User,
    portrait: bytes,
    size: str,
    scheme: str,
) -> None:
    item = enqueue("split_vote", 0.4, image=portrait)
    claim_next(alice)
    decision_record(item_id=item.pk, reviewer=alice, label="real")
    page = log_in(staff("sam", "senior"), viewport=SIZES[size], color_scheme=scheme)
    page.goto(f"/review/items/{item.pk}/")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    form = page.locator("details.correction")
    form.locator("summary").click()
    expect(form.get_by_role("group", name="Which parts are fake")).to_be_hidden()
    form.get_by_role("radio", name="Can\u2019t tell").check(force=True)
    expect(form.get_by_role("radiogroup", name="Why it cannot be assessed")).to_be_visible()
    form.get_by_role("radio", name="Fake").check(force=True)
    form.get_by_role("checkbox", name="Mouth").check(force=True)
    form.get_by_role("checkbox", name="Swap").check(force=True)
    form.get_by_role("button", name="Mark K").click()
    expect(form.get_by_role("button", name="Mark K")).to_have_attribute("aria-pressed", "true")
    page.mouse.move(300, 300)
    page.mouse.down()
    page.mouse.move(380, 360, steps=4)
    page.mouse.up()
    form.get_by_label("Note").fill("A seam under the mouth.")
    page.screenshot(path=PICTURES / f"correction-{size}-{scheme}.png")
    form.get_by_role("button", name="Correct", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="was corrected")).to_be_visible()
    made = Decision.objects.get(corrects__isnull=False)
    assert (made.label, made.parts, made.methods, made.note) == (
        "fake",
        ["mouth"],
        ["swap"],
        "A seam under the mouth.",
    )
    assert len(made.regions) == 1
