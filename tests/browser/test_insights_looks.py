"""The dashboard, search, history and audit pages, at the sizes and themes that people use."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import RetentionPass
from tests.factories.claims import item_claim_next

PICTURES = Path(__file__).parents[2] / "test-artifacts" / "looks"
SIZES = {"1440x900": {"width": 1440, "height": 900}, "1280x720": {"width": 1280, "height": 720}}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("size", "scheme"), [("1440x900", "light"), ("1280x720", "dark")])
def test_an_auditor_goes_from_a_number_to_its_items_and_their_history(
    enqueue: Callable[..., ReviewItem],
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    alice: User,
    portrait: bytes,
    settings: LazySettings,
    size: str,
    scheme: str,
) -> None:
    settings.RETENTION_UNREVIEWED_DAYS, settings.RETENTION_REVIEWED_DAYS = 90, 730
    RetentionPass.objects.create(day=timezone.localdate(), ended_at=timezone.now(), erased=1203)
    enqueue("unanimous_fake", 0.9, image=portrait)
    for risk in (0.3, 0.6):
        enqueue("split_vote", risk)
    held = item_claim_next(reviewer=alice)
    assert held is not None
    decision_record(item_id=held.pk, reviewer=alice, label="fake", note="The left eye was pasted.")
    page = log_in(staff("audrey", "auditor"), viewport=SIZES[size], color_scheme=scheme)
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.screenshot(path=PICTURES / f"dashboard-{size}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_role("region", name="Waiting items").get_by_role("link", name="2").click()
    expect(page.get_by_role("row")).to_have_count(3)
    page.screenshot(path=PICTURES / f"search-{size}-{scheme}.png", full_page=True)
    page.goto(f"/insights/submissions/{held.submission_id}/")
    page.get_by_text("Show the face").click()
    expect(page.get_by_alt_text("The selfie as it was submitted")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"history-{size}-{scheme}.png", full_page=True)
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("cell", name="Submission looked at")).to_be_visible()
    page.screenshot(path=PICTURES / f"audit-{size}-{scheme}.png", full_page=True)
