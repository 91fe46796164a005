"""A bank's own logo and colours: served, under the same policy, and replaced by ours when they cannot be."""

import os
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from kyc_review.accounts.models import User
from tests.factories.branding import LOGO

TEMPLATES = Path(__file__).parents[3] / "templates"
pytestmark = pytest.mark.django_db


def body(client: Client, address: str) -> tuple[str, str]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    return answer["Content-Type"], b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def addresses(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('"') if part.startswith("/branding/")]


def test_name_logo_and_style_are_on_every_page_and_served(client: Client, branded: Path) -> None:
    page = client.get("/login/").text
    style, logo = addresses(page)
    assert "Example Bank &amp; Sons" in page
    assert page.index(style) > page.index("css/review.css"), "the bank's word is the last"
    assert body(client, style) == ("text/css; charset=utf-8", (branded / "brand.css").read_text())
    assert body(client, logo) == ("image/svg+xml", LOGO)
    assert call_command("check", "--fail-level", "WARNING") is None


@pytest.mark.parametrize("address", ["/login/", "/review/", "/account/", "/docs/api/", "/nowhere/"])
def test_every_title_ends_with_the_banks_name(
    client: Client, alice: User, branded: Path, address: str
) -> None:
    client.force_login(alice)
    page = client.get(address, follow=True).text
    assert re.search(r"<title>[^<]+ · Example Bank &amp; Sons</title>", page)


def test_no_page_names_the_product_by_itself() -> None:
    naming = [file for file in TEMPLATES.rglob("*.html") if "KYC Review" in file.read_text()]
    assert naming == []


def test_another_version_of_a_file_has_another_address(client: Client, branded: Path) -> None:
    before = addresses(client.get("/login/").text)
    os.utime(branded / "logo.svg", (1, 1))
    after = addresses(client.get("/login/").text)
    assert (before[0], before[1] != after[1]) == (after[0], True)


@pytest.mark.parametrize("fault", ["missing", "large", "kind", "relative"])
def test_what_cannot_be_served_leaves_our_own_mark_and_a_warning(
    client: Client, branded: Path, settings: LazySettings, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    logo = branded / "logo.svg"
    if fault == "missing":
        logo.unlink()
    elif fault == "large":
        logo.write_text(LOGO + " " * 100_000)
    elif fault == "kind":
        settings.BRAND_LOGO = str(branded / "brand.css")
    else:
        settings.BRAND_LOGO = "logo.svg"
    page = client.get("/login/").text
    assert len(addresses(page)) == 1
    assert "<svg" in page
    assert client.get("/branding/logo/").status_code == 404
    call_command("check")
    assert "kyc_review.W001" in capsys.readouterr().err


def test_without_settings_nothing_is_served(client: Client) -> None:
    page = client.get("/login/").text
    assert addresses(page) == []
    assert "KYC Review" in page
    for kind in ("logo", "style"):
        assert client.get(f"/branding/{kind}/").status_code == 404


def test_only_the_two_kinds_have_an_address(client: Client, branded: Path) -> None:
    assert client.get("/branding/settings/").status_code == 404


def test_every_page_tells_its_version_to_who_logged_in_and_to_no_one_else(
    client: Client, alice: User, settings: LazySettings
) -> None:
    assert 'data-testid="release"' not in client.get("/login/").text
    client.force_login(alice)
    shown = client.get("/account/").text.partition('data-testid="release">')[2]
    assert f"{settings.VERSION}+{settings.BUILD}" in shown.partition("</span>")[0]
