"""What was just made is shown once, after a redirect: a reload makes no second one."""

import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings, settings
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory

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
    [kept] = admin.session[shown_once.NAME]
    assert set(kept) == {"path", "object", "sealed", "until"}
    assert len(kept["sealed"]) > 100
    assert "<code>" not in admin.get("/people/").text
    monkeypatch.setattr(shown_once, "KEPT_S", -1)
    assert "<code>" not in admin.get(there).text
    assert admin.session[shown_once.NAME] == []


def test_a_newer_secret_of_the_same_object_replaces_the_older_one(admin: Client, alice: User) -> None:
    for _ in range(2):
        there = admin.post(f"/people/{alice.pk}/password/")["Location"]
    assert len(admin.session[shown_once.NAME]) == 1
    [password] = re.findall(r"<code>(\S+)</code>", admin.get(there).text)
    alice.refresh_from_db()
    assert alice.check_password(password)


def test_two_that_are_made_before_the_page_is_read_are_both_shown(
    admin: Client, integration: Integration
) -> None:
    for label in ("nightly", "weekly"):
        admin.post("/account/tokens/", TOKEN | {"label": label})
    for _ in range(2):
        admin.post("/integrations/mobile-app/", KEY)
    page = admin.get("/account/tokens/").text
    assert re.findall(r"The token for (\w+)", page) == ["nightly", "weekly"]
    assert len(set(re.findall(r"<code>(kyc_person_\w+)", page))) == 2
    years = re.findall(r"Valid until\s+<span[^>]*>[^/]*?(20\d\d)-", page)
    assert len(years) == 2
    made = ApiKey.objects.exclude(prefix="").count()
    keys = set(re.findall(r"<code>(kyc_live_\w+)", admin.get("/integrations/mobile-app/").text))
    assert 0 < len(keys) == made


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_the_same_moment_keep_both(admin: Client) -> None:
    key = admin.session.session_key
    together = [_request(key), _request(key)]
    # Both have read the session before either writes.
    assert not any(shown_once.NAME in request.session for request in together)
    for number, request in enumerate(together):
        shown_once.redirect_with_secret(request, "/there/", of=str(number), fresh=number)
        assert not request.session.modified  # else the middleware would write over the other one's
    reading = _request(key)
    assert shown_once.secrets_once(reading) == [{"fresh": 0}, {"fresh": 1}]
    assert shown_once.secrets_once(_request(key)) == []


def _request(session_key: str | None) -> HttpRequest:
    request = RequestFactory().get("/there/")
    request.COOKIES[settings.SESSION_COOKIE_NAME] = session_key or ""
    request.session = SessionStore(session_key)
    return request
