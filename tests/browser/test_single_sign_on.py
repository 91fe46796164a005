"""The whole way in a browser: to the provider, back and out again, under the Content Security Policy."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from kyc_review.accounts.services import roles_ensure
from tests.browser.screens import PICTURES
from tests.factories.identity_provider import identity_provider
from tests.fixtures.single_sign_on import configure

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_logs_in_confirms_and_logs_out(
    browser: Browser, live_server: LiveServer, settings: LazySettings, tmp_path: Path
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    roles_ensure()
    with identity_provider(tmp_path, [live_server.url]) as provider:
        configure(settings, provider, live_server.url)
        settings.OIDC_SECOND_FACTOR, settings.REQUIRE_SECOND_FACTOR = ["amr:mfa"], ["senior"]
        claims = {"preferred_username": "sam", "groups": ["kyc-seniors"]}
        provider.write({"sam": {"claims": claims, "amr": ["mfa"]}, "eve": {"claims": {"groups": []}}})
        window = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 720})
        page = window.new_page()
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)

        page.goto("/review/quality/")
        page.screenshot(path=PICTURES / "sso-login.png")
        page.get_by_role("link", name="Log in with Bank login").click()
        page.get_by_label("Name").fill("sam")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/review/quality/")

        page.goto("/account/second-factor/")
        page.get_by_role("link", name="Confirm with Bank login").first.click()
        page.get_by_label("Name").fill("sam")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/account/second-factor/")
        expect(page.get_by_text("Confirmed: it counts for five minutes.").first).to_be_visible()
        page.screenshot(path=PICTURES / "sso-confirmed.png")

        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{provider.issuer}/session/end**")
        page.get_by_role("button", name="Yes, sign me out").click()
        page.wait_for_url("**/login/**")
        page.get_by_role("link", name="Log in with Bank login").click()
        page.get_by_label("Name").fill("eve")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("none of your groups")
        page.screenshot(path=PICTURES / "sso-refused.png")
        window.close()
    assert [problem for problem in problems if "Security Policy" in problem] == []
