"""A passkey in a real browser, with Chromium's virtual authenticator."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from kyc_review.accounts.models import User
from tests.browser.conftest import START
from tests.browser.screens import PICTURES, SIZES
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
DEVICE: dict[str, Any] = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_passkey_is_made_and_used_for_the_login(
    log_in: Callable[..., Page], live_server: LiveServer, settings: LazySettings, alice: User
) -> None:
    settings.WEBAUTHN_RP_ID = urlsplit(live_server.url).hostname
    settings.WEBAUTHN_ORIGINS = [live_server.url]
    page = log_in(alice, viewport=SIZES["1440x900"])
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    page.goto("/account/second-factor/")
    page.screenshot(path=PICTURES / "passkeys-none.png", full_page=True)
    page.get_by_label("Name of the passkey").fill("blue key")
    page.get_by_role("button", name="Add a passkey").click()
    page.locator("#passkey-options").evaluate(
        "node => node.textContent = node.textContent.replace('\"localhost\"', '\"bank.example\"')"
    )
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").filter(has_text="at this address")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Create").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Add to my account").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.goto("/account/second-factor/")
    page.screenshot(path=PICTURES / "passkeys.png", full_page=True)

    page.get_by_role("button", name="Log out").click()
    page.get_by_label("User name").fill(alice.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.screenshot(path=PICTURES / "passkeys-code.png")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(START)
