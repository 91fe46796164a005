"""The dashboard's plots: drawn from their tables, in both themes, leading to items, nothing blocked."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Response, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Submission
from tests.browser.screens import PICTURES, SIZES

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = 6


@pytest.fixture
def past(enqueue: Callable[..., ReviewItem], alice: User) -> int:
    """Six days of scored and decided selfies, more of them each day; how many."""
    # The evening before: hours earlier are the same day, at whatever time the test runs.
    now, number = (timezone.now() - timedelta(days=1)).replace(hour=20), 0
    for day in range(DAYS):
        for place in range(3 + day):
            item = enqueue("split_vote", 0.3 + 0.1 * place)
            label = "fake" if (day + place) % 3 == 0 else "real"
            then = now - timedelta(days=DAYS - 1 - day, hours=place % 4)
            Decision.objects.create(
                item=item,
                submission=item.submission,
                reviewer=alice,
                label=label,
                decided_at=then,
                handling_ms=9000 + 700 * place,
            )
            ReviewItem.objects.filter(pk=item.pk).update(state="decided", decided_at=then)
            verdict = "clear" if place % 3 == 1 else "split_vote"
            Scoring.objects.filter(submission=item.submission_id).update(scored_at=then, verdict=verdict)
            result = "rejected" if label == "fake" else "clear"
            Submission.objects.filter(pk=item.submission_id).update(
                state="completed", result=result, completed_at=then
            )
            number += 1
    return number


@pytest.mark.parametrize(("size", "scheme"), [("1440x900", "light"), ("1280x720", "dark")])
def test_three_plots_stand_on_the_dashboard_and_lead_to_items(
    past: int, log_in: Callable[..., Page], staff: Callable[..., User], size: str, scheme: str
) -> None:
    page = log_in(staff("audrey", "auditor"), viewport=SIZES[size], color_scheme=scheme)
    weights: list[int] = []
    page.on("response", lambda answer: weights.append(weight(answer)))
    page.goto("/insights/")
    plots = page.locator("figure[data-plot]")
    expect(plots.locator("canvas")).to_have_count(3)
    page.wait_for_load_state("networkidle")
    assert 0 < sum(weights) < 300_000, weights
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for plot in plots.all():
        assert plot.locator("canvas").evaluate(INKED) > 200
        expect(plot.get_by_role("img")).to_have_count(1)
    page.screenshot(path=PICTURES / f"plots-{size}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(plots.locator("canvas")).to_have_count(3)
    rates = plots.filter(has_text="Outcomes of scored selfies")
    rates.get_by_text("As a table").click()
    expect(rates.locator("tr[data-at]")).to_have_count(DAYS)
    members = plots.filter(has_text="Model errors, as shares of all faces")
    box = members.locator(".u-over").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.09, box["y"] + box["height"] - 4)
    page.wait_for_url("**/insights/search/**")
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"member": ["atto-a"], "erred": ["missed"]}
    expect(page.get_by_text("atto-a called real what people rejected")).to_be_visible()


INKED = """(canvas) => { const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"""


def weight(answer: Response) -> int:
    return len(answer.body()) if answer.ok else 0
