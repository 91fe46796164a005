"""The loop's plots over several weeks; pictures go to test-artifacts/looks/."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import AuditDraw, Decision, FirstCall, ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from tests.browser.screens import PICTURES, SIZES

pytestmark = pytest.mark.django_db(transaction=True)
WEEKS, FACES = 5, 6


@pytest.fixture
def weeks(enqueue: Callable[..., ReviewItem], alice: User, bob: User) -> None:
    """Five weeks of selfies under two versions; some judged twice, some drawn for the audit."""
    for week in range(WEEKS):
        for place in range(FACES + week):
            item, then = (
                enqueue("split_vote", 0.3 + 0.1 * (place % 6)),
                timezone.now() - timedelta(weeks=WEEKS - 1 - week, minutes=place),
            )
            label = "fake" if (week + place) % 3 == 0 else "real"
            decide(item, alice, "real" if place % 4 == 0 else label, label, then)
            if place % 2:
                again = ReviewItem.objects.create(
                    submission=item.submission, reason="second_opinion", risk=0.5
                )
                decide(again, bob, "real", label if place % 3 else "real", then)
            verdict = "clear" if place % 3 == 1 else "unanimous_fake" if place == 2 else "split_vote"
            Scoring.objects.filter(submission=item.submission_id).update(
                scored_at=then,
                verdict=verdict,
                bundle_version="baseline-3" if week < 3 else "candidate-20261114",
                bundle_digest=("a" if week < 3 else "b") * 64,
            )
            Submission.objects.filter(pk=item.submission_id).update(
                state="completed", result="rejected" if label == "fake" else "clear", completed_at=then
            )
            if verdict == "clear":
                AuditDraw.objects.create(
                    submission=item.submission, probability=0.1, uniform_share=0.1, is_uniform=True
                )


def decide(item: ReviewItem, person: User, first: str, label: str, then: datetime) -> None:
    FirstCall.objects.create(item=item, reviewer=person, label=first)
    Decision.objects.create(
        item=item, submission=item.submission, reviewer=person, label=label, decided_at=then, handling_ms=9000
    )
    ReviewItem.objects.filter(pk=item.pk).update(state="decided", decided_at=then)


@pytest.mark.parametrize(("size", "scheme"), [("1440x900", "light"), ("1280x720", "dark")])
def test_four_plots_show_the_loop_by_week_and_lead_to_items(
    weeks: None, log_in: Callable[..., Page], staff: Callable[..., User], size: str, scheme: str
) -> None:
    page = log_in(staff("audrey", "auditor"), viewport=SIZES[size], color_scheme=scheme)
    page.goto("/insights/loop/")
    plots = page.locator("figure[data-plot]")
    expect(plots.locator("canvas")).to_have_count(4)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"loop-plots-{size}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    agreement = plots.filter(has_text="how often the second person agrees")
    agreement.get_by_text("As a table").click()
    agreement.locator("tbody tr").last.get_by_role("link").last.click()
    expect(page.get_by_text("decided on differently by two people")).to_be_visible()
    page.go_back()
    versions = plots.filter(has_text="Each version by week")
    over = versions.locator(".u-over")
    box = over.bounding_box()
    assert box is not None
    over.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(page.get_by_text("by the bundle aaaaaaaaaaaa")).to_be_visible()
