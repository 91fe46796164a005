"""The loop, a snapshot and the shadow as an admin sees them; pictures go to test-artifacts/looks/."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.registry.models import Shadow, ShadowScore
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from tests.browser.screens import PICTURES, SIZES
from tests.factories.claims import item_claim_next

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("size", "scheme"), [("1440x900", "light"), ("1280x720", "dark")])
def test_an_admin_reads_the_loop_a_snapshot_and_the_shadow(
    enqueue: Callable[..., ReviewItem],
    clear: Callable[..., Submission],
    registered: Callable,
    serving: object,
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    alice: User,
    portrait: bytes,
    settings: LazySettings,
    size: str,
    scheme: str,
) -> None:
    settings.AUDIT_SHARE = 1.0
    enqueue("unanimous_fake", 0.9, image=portrait)
    enqueue("split_vote", 0.4)
    cleared = [clear() for _ in range(3)]
    found = {"unanimous_fake": ["fake"], "split_vote": ["real"], "audit": ["real", "fake", "real"]}
    for number in range(5):  # audits come anywhere among the others
        held = item_claim_next(reviewer=alice)
        assert held is not None
        decision_record(item_id=held.pk, reviewer=alice, label=found[held.reason].pop())
        if number >= 3:
            snapshot_create(name="first" if number == 3 else "second")
    shadow = Shadow.objects.create(bundle=registered("candidate-20261121"))
    for row, verdict in zip(cleared, ("clear", "split_vote", "unanimous_fake"), strict=True):
        ShadowScore.objects.create(shadow=shadow, submission=row, verdict=verdict, risk=0.6)
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    page.goto("/insights/loop/")
    expect(page.get_by_text("1 found in 3: at most 87 %")).to_be_visible()
    for name, path in (
        ("loop", "/insights/loop/"),
        ("snapshot", "/retraining/snapshots/second/?against=first"),
        ("shadow", "/retraining/shadow/"),
        ("retraining-signals", "/retraining/"),
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=True)
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), name
