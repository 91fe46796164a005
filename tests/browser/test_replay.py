"""The replay uses the reviewer's own viewer; only a browser shows that it comes to life and changes nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence
from kyc_review.review.decisions import decision_record, first_call_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.storage import derivatives
from tests.browser.screens import PICTURES, SIZES
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_auditor_sees_the_item_as_the_reviewer_saw_it(
    enqueue: Callable[..., ReviewItem],
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    alice: User,
    portrait: bytes,
) -> None:
    item = enqueue(image=portrait)
    ReviewItem.objects.filter(pk=item.pk).update(is_blind=True)
    evidence = Evidence.objects.create(
        submission=item.submission,
        state=Evidence.State.READY,
        computed_at=item.opened_at - timedelta(hours=1),
        likenesses_found_at=item.opened_at - timedelta(hours=1),
        pictures={"noise": "image/jpeg"},
    )
    derivatives.save(evidence.key_of("noise"), ContentFile(portrait))
    assert item_claim_next(reviewer=alice)
    first_call_record(item_id=item.pk, reviewer=alice, label="real")
    decision_record(item_id=item.pk, reviewer=alice, label="fake", note="A seam at the left eye.")
    before = list(Decision.objects.values())
    page = log_in(staff("audrey", "auditor"), viewport=SIZES["1440x900"])
    page.goto(f"/insights/submissions/{item.submission_id}/")
    page.get_by_role("link", name="As it was seen").click()
    expect(page.get_by_role("note", name="Replay")).to_contain_text("alice")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    with page.expect_response(lambda answer: "/views/noise/" in answer.url and answer.ok):
        page.locator("[data-pane=noise]").click()
    page.screenshot(path=PICTURES / "replay-1440x900-light.png")
    page.get_by_role("link", name="Before the first call").click()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    expect(page.get_by_test_id("votes")).to_have_count(0)
    expect(page.locator("[data-pane]")).to_have_count(0)
    assert list(Decision.objects.values()) == before
