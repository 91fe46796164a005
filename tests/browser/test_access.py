"""axe-core on every main page, light and dark: no serious and no critical finding (WCAG 2.2 A and AA)."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.test import Client
from playwright.sync_api import Page, expect

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration, User
from kyc_review.registry.bundles import baseline_install, bundle_register
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.training.models import Comparison
from kyc_review.webhooks.models import Endpoint
from kyc_review.webhooks.services import endpoint_create
from tests.browser.screens import PICTURES, SIZES
from tests.factories.bundles import small_bundle
from tests.factories.claims import item_claim_next
from tests.factories.decisions import frozen_snapshot
from tests.factories.people import PASSWORD
from tests.factories.pictures import jpeg_bytes
from tests.factories.reports import report
from tests.factories.second_factor import code_at

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
STANDARD = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
GRAVE = ("serious", "critical")
Check = Callable[..., None]
LogIn = Callable[..., Page]
axe = Axe()


def findings(page: Page) -> list[str]:
    """What axe-core finds grave: rule, place, and what is wrong there."""
    # A message that fades in or out while axe measures has neither of its colours.
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => 0)))")
    found: list[dict[str, Any]] = axe.run(page, options=STANDARD).response["violations"]
    return [
        f"{page.url}: {one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


@pytest.fixture
def check(log_in: Callable[..., Page]) -> Iterator[Callable[..., None]]:
    """check(page, "/there/") goes there and remembers what is wrong; the test fails with all of it at its end."""
    found: list[str] = []

    def look(page: Page, there: str = "", *, picture: str = "") -> None:
        if there:
            page.goto(there)
        found.extend(findings(page))
        if picture:
            page.screenshot(path=PICTURES / f"{picture}.png", full_page=True)

    yield look
    assert found == [], "\n" + "\n".join(found)


@pytest.fixture
def reach(integration: Integration, settings: LazySettings) -> Endpoint:
    accounts.key_create(integration=integration, label="Nightly batch")
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    return endpoint_create(integration=integration, url="http://127.0.0.1:9/hooks")[0]


def test_the_search_for_findings_finds_some(log_in: LogIn, alice: User) -> None:
    page = log_in(alice)
    page.evaluate("document.getElementById('main').innerHTML = '<input name=nameless><h1>Review</h1>'")
    assert [one.split(": ")[1] for one in findings(page)] == ["label"]


@SCHEMES
def test_the_door(check: Check, log_in: LogIn, alice: User, scheme: str) -> None:
    page = log_in(alice, color_scheme=scheme, viewport=SIZES["1280x720"])
    check(page, "/account/", picture=f"account-{scheme}")
    check(page, "/account/password/")
    check(page, "/account/second-factor/", picture=f"enrol-{scheme}")
    secret = page.locator(".secret").inner_text().replace(" ", "")
    app = page.get_by_role("region", name="Authenticator app")
    app.get_by_label("Code").fill(code_at(time.time(), secret))
    app.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("shown only once")).to_be_visible()
    check(page, picture=f"codes-{scheme}")
    spare = page.locator(".codes code").first.inner_text()
    check(page, "/account/second-factor/", picture=f"factor-{scheme}")
    page.get_by_role("button", name="Log out").click()
    check(page)
    page.get_by_label("User name").fill(alice.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, picture=f"code-{scheme}")
    page.get_by_label("Code").fill(spare)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/review/")
    check(page, "/nowhere/")


@SCHEMES
def test_tokens_are_made_by_hand(
    check: Check, log_in: LogIn, staff: Callable[..., User], scheme: str
) -> None:
    ada = staff("ada", "admin")
    page = log_in(ada, color_scheme=scheme, viewport=SIZES["1280x720"])
    check(page, "/account/tokens/", picture=f"tokens-none-{scheme}")
    page.get_by_label("Purpose").fill("nightly retraining")
    page.get_by_label("everything your role can do").check()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_text("shown only once")).to_be_visible()
    check(page, picture=f"tokens-fresh-{scheme}")
    check(page, f"/people/{ada.pk}/", picture=f"tokens-person-{scheme}")
    page.goto("/account/tokens/")
    page.get_by_role("button", name="End nightly retraining").click()
    expect(page.get_by_text("has ended.")).to_be_visible()
    check(page, picture=f"tokens-ended-{scheme}")


@SCHEMES
def test_the_desk(
    check: Check, enqueue: Callable[..., ReviewItem], log_in: LogIn, alice: User, portrait: bytes, scheme: str
) -> None:
    enqueue("unanimous_fake", 0.9, image=portrait)
    enqueue("split_vote", 0.4)
    page = log_in(alice, color_scheme=scheme, viewport=SIZES["1280x720"])
    check(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    check(page)
    for keys in ("2", "3", "o"):
        page.keyboard.press(keys)
        check(page)
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    check(page)
    check(page, "/review/quality/")
    check(page, "/review/keys/")


@SCHEMES
def test_the_overview(
    check: Check,
    enqueue: Callable[..., ReviewItem],
    log_in: LogIn,
    staff: Callable[..., User],
    alice: User,
    portrait: bytes,
    scheme: str,
) -> None:
    for risk in (0.9, 0.7, 0.4):
        enqueue("split_vote", risk, image=portrait if risk == 0.9 else jpeg_bytes(seed=int(100 * risk)))
    held = item_claim_next(reviewer=alice)
    assert held is not None
    decision_record(item_id=held.pk, reviewer=alice, label="fake", note="The left eye was pasted.")
    item_claim_next(reviewer=alice)
    page = log_in(staff("sam", "senior"), color_scheme=scheme, viewport=SIZES["1280x720"])
    check(page)
    for there in ("/insights/", "/insights/search/", f"/insights/submissions/{held.submission_id}/"):
        check(page, there)
    check(page, "/review/quality/")
    check(page, f"/review/items/{held.pk}/")


@SCHEMES
def test_the_office(
    check: Check,
    log_in: LogIn,
    staff: Callable[..., User],
    alice: User,
    reach: Endpoint,
    tmp_path: Path,
    scheme: str,
) -> None:
    champion, snapshot = baseline_install(), frozen_snapshot()
    for _ in range(5):
        Client().post("/login/", {"username": "alice", "password": "wrong"})
    page = log_in(staff("ada", "admin"), color_scheme=scheme, viewport=SIZES["1280x720"])
    check(page, "/people/", picture=f"people-{scheme}")
    check(page, f"/people/{alice.pk}/", picture=f"person-{scheme}")
    page.get_by_role("button", name="New password").click()
    expect(page.get_by_text("shown only once")).to_be_visible()
    check(page, picture=f"person-password-{scheme}")
    page.goto("/people/")
    page.get_by_label("User name").fill("alice")
    page.get_by_role("button", name="Add person").click()
    check(page, picture=f"people-problem-{scheme}")
    for there in ("/integrations/", "/integrations/mobile-app/", "/webhooks/", f"/webhooks/{reach.pk}/"):
        check(page, there)
    for there in ("/insights/audit/", "/docs/problems/", "/retraining/", "/retraining/runs/new/"):
        check(page, there)
    candidate = bundle_register(path=small_bundle(tmp_path / "small"), source="trained")
    compared = Comparison.objects.create(
        snapshot=snapshot, champion=champion, candidate=candidate, state="succeeded", report=report()
    )
    check(page, f"/retraining/comparisons/{compared.pk}/")
    for there in ("/insights/loop/", "/retraining/shadow/", f"/retraining/snapshots/{snapshot.name}/"):
        check(page, there)
