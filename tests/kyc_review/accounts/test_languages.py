"""Pages are in the reader's language, chosen by the person, else by the browser; the API and records stay English."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from kyc_review.accounts.models import User

GERMAN = "de-AT,de;q=0.9"


def language_of_page(client: Client, path: str, accepted: str = "") -> str:
    answer = client.get(path, headers={"Accept-Language": accepted})
    page = answer.content.decode()
    language = page.split('<html lang="', 1)[1].split('"', 1)[0]
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]
    return language


@pytest.mark.django_db
def test_before_signing_in_the_browser_decides(client: Client) -> None:
    login = reverse("login")
    assert language_of_page(client, login) == "en"
    assert language_of_page(client, login, GERMAN) == "de"
    assert language_of_page(client, login, "fr") == "en"


@pytest.mark.django_db
def test_the_login_page_offers_every_language_and_remembers_the_choice(client: Client) -> None:
    login = reverse("login")
    for code, name in settings.LANGUAGES:
        assert name in client.get(login).content.decode()
        client.post(reverse("browser_language"), {"language": code, "next": login})
        assert language_of_page(client, login, "fr") == code


@pytest.mark.django_db
@pytest.mark.parametrize(
    "form", [{"language": "xx", "next": "/login/"}, {"language": "de", "next": "//a.example/"}]
)
def test_a_wrong_choice_leads_back_to_the_login_page(client: Client, form: dict[str, str]) -> None:
    answer = client.post(reverse("browser_language"), form)
    assert answer.status_code == 302
    assert answer["Location"] == reverse("login")
    assert (settings.LANGUAGE_COOKIE_NAME in client.cookies) is (form["language"] == "de")


@pytest.mark.django_db
def test_a_person_s_choice_counts_more_than_the_browser(alice: User, login: Callable[[User], Client]) -> None:
    client = login(alice)
    account = reverse("account:overview")
    assert language_of_page(client, account, GERMAN) == "de"
    client.post(reverse("account:language"), {"language": "en"})
    assert language_of_page(client, account, GERMAN) == "en"
    client.post(reverse("account:language"), {"language": ""})
    assert language_of_page(client, account, GERMAN) == "de"
    answer = client.post(reverse("account:language"), {"language": "xx"}, follow=True)
    assert "There is no such language." in answer.content.decode()
    assert not User.objects.exclude(language="").exists()


@pytest.mark.django_db
def test_the_choice_shows_at_once_and_leaves_no_language_behind(
    alice: User, login: Callable[[User], Client]
) -> None:
    client = login(alice)
    answer = client.post(reverse("account:language"), {"language": "de"}, follow=True)
    assert "Ihre Sprache ist gespeichert." in answer.content.decode()
    assert translation.get_language() == "en"


@pytest.mark.django_db
def test_the_api_answers_english(client: Client) -> None:
    answer = client.get("/api/v1/submissions", headers={"Accept-Language": GERMAN})
    assert answer.status_code == 401
    assert answer.json()["detail"] == client.get("/api/v1/submissions").json()["detail"]
    assert "Content-Language" not in answer
