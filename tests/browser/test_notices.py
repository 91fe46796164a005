"""An admin chooses notices in the browser, is sent one by a real mail server, and starts at what waits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kyc_review.accounts.models import User
from kyc_review.notices.delivery import deliver_until_idle
from kyc_review.training.models import Comparison
from kyc_review.training.proposals import proposal_open
from tests.browser.screens import LOOKS, SIZES
from tests.factories.mail_server import MailServer

PICTURES = Path(__file__).parents[2] / "test-artifacts" / "notices"
pytestmark = pytest.mark.django_db(transaction=True)


@LOOKS
def test_a_proposal_reaches_another_admin_by_email_and_on_the_start_page(
    log_in: Callable[..., Page],
    staff: Callable[..., User],
    comparison: Comparison,
    mail_server: MailServer,
    size: str,
    scheme: str,
) -> None:
    page = log_in(staff("ada", "admin"), viewport=SIZES[size], color_scheme=scheme)
    expect(page.get_by_test_id("nothing-waits")).to_be_visible()
    page.get_by_role("link", name="Choose what you are sent").click()
    page.get_by_label("E-mail address or URL").fill("ada@bank.example")
    page.get_by_label("A training failed or was refused").uncheck()
    page.get_by_role("button", name="Add channel").click()
    expect(page.get_by_role("heading", name="ada@bank.example")).to_be_visible()
    page.get_by_role("button", name="Send test notice").click()
    expect(page.get_by_role("status").filter(has_text="A test notice was queued.")).to_be_visible()
    deliver_until_idle()
    page.reload()
    expect(page.get_by_role("row", name="A test notice")).to_contain_text("Delivered")
    page.screenshot(path=PICTURES / f"channel-{size}-{scheme}.png", full_page=True)
    proposal_open(
        comparison=comparison, actor=staff("amir", "admin"), reason="It catches more forged mouths."
    )
    deliver_until_idle()
    subjects = [message["Subject"] for _, _, message in mail_server.took]
    assert len(subjects) == 2
    assert f"amir proposes {comparison.candidate.version}" in subjects[1]
    page.goto("/")
    expect(page.get_by_test_id("waiting")).to_contain_text("amir proposes")
    page.screenshot(path=PICTURES / f"waiting-{size}-{scheme}.png", full_page=True)
    page.goto("/notices/")
    expect(page.get_by_role("row", name="ada@bank.example")).to_contain_text(
        "A proposal waits for a decision"
    )
    page.screenshot(path=PICTURES / f"notices-{size}-{scheme}.png", full_page=True)
