"""What was just made is shown once, after a redirect: a reload makes no second one."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from kyc_review.accounts import shown_once
from kyc_review.accounts.models import ApiKey, Integration, User
from kyc_review.notices.models import Channel
from kyc_review.webhooks.models import Endpoint
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db
NEW_PERSON = {"username": "zoe", "role": "reviewer", "first_name": "Zoe", "last_name": "Z"}
WEBHOOK = {"integration": "mobile-app", "url": "https://hooks.bank.example/kyc"}
CHANNEL = {"medium": "json", "address": "https://siem.bank.example/kyc", "kinds": ["alarm.began"]}
TOKEN = {"label": "a script", "days": "7", "password": PASSWORD}
KEY = {"mode": "live", "scopes": ["submissions:read"]}


@pytest.fixture
def admin(staff: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(staff("ada", "admin"))
    return client


@pytest.mark.parametrize(
    ("path", "form", "mark", "made"),
    [
        ("/people/", NEW_PERSON, "<code>", lambda: User.objects.filter(username="zoe").count()),
        ("/webhooks/", WEBHOOK, "whsec_", Endpoint.objects.count),
        ("/notices/", CHANNEL, "whsec_", Channel.objects.count),
        (
            "/account/tokens/",
            TOKEN,
            "<code>kyc_person_",
            lambda: User.objects.get(username="ada").tokens.count(),
        ),
        ("/integrations/mobile-app/", KEY, "<code>kyc_live_", ApiKey.objects.count),
    ],
)
def test_every_form_that_makes_a_secret_redirects_to_a_page_that_shows_it_once(
    admin: Client,
    integration: Integration,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    form: dict[str, object],
    mark: str,
    made: Callable[[], int],
) -> None:
    before = made()
    answer = admin.post(path, form)
    assert answer.status_code == 302
    page = admin.get(answer["Location"])
    assert mark in page.text
    assert "no-store" in page["Cache-Control"]
    again = admin.get(answer["Location"])
    assert (again.status_code, mark in again.text) == (200, False)
    assert made() == before + 1


def test_it_lies_encrypted_in_the_session_for_one_page_and_a_few_minutes(
    admin: Client, alice: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = admin.post(f"/people/{alice.pk}/password/")["Location"]
    kept = admin.session[shown_once.NAME]
    assert set(kept) == {"path", "sealed"}
    assert "<code>" not in admin.get("/people/").text
    monkeypatch.setattr(shown_once, "KEPT_S", -1)
    assert "<code>" not in admin.get(there).text
    assert shown_once.NAME not in admin.session
