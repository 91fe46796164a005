"""A request that a session or its token did not carry: a sentence, and the way back to a page that exists."""

from collections.abc import Callable

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/review/items/7/"}


@pytest.mark.parametrize(
    ("referer", "following"),
    [
        ("http://testserver/review/keys/?from=bar", "/review/keys/%3Ffrom%3Dbar"),
        ("https://elsewhere.example/review/keys/", "/"),
        ("", "/"),
    ],
)
def test_after_a_session_ended_a_form_leads_by_the_login_to_its_page_and_not_to_where_it_was_sent(
    client: Client, alice: User, referer: str, following: str
) -> None:
    answer = client.post("/review/items/next/", headers={"Referer": referer})
    assert answer["Location"] == f"/login/?next={following}"
    assert "nothing was saved" in client.get(answer["Location"]).text
    landed = client.post(answer["Location"], {"username": "alice", "password": PASSWORD}, follow=True)
    assert landed.status_code == 200


def test_a_page_that_was_only_opened_is_opened_after_the_login_without_a_warning(client: Client) -> None:
    answer = client.get("/review/quality/?days=7")
    assert answer["Location"] == "/login/?next=/review/quality/%3Fdays%3D7"
    assert "nothing was saved" not in client.get(answer["Location"]).text


def test_an_old_token_loads_the_page_of_htmx_anew_and_says_that_nothing_was_saved(
    claimed: ReviewItem, alice: User
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(f"/review/items/{claimed.pk}/decision/", {"label": "fake"}, headers=HTMX)
    assert (answer.status_code, answer["HX-Refresh"]) == (403, "true")
    assert "Nothing was saved: you logged in again" in client.get(f"/review/items/{claimed.pk}/").text
    assert not Decision.objects.exists()


def test_an_old_token_of_a_plain_form_names_the_reason_and_leads_back_to_the_page(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/review/keys/", headers={"Referer": "http://testserver/review/keys/"})
    assert answer.status_code == 403
    assert "Nothing was saved" in answer.text
    assert 'href="/review/keys/"' in answer.text
    assert "DEBUG" not in answer.text


def test_without_a_session_an_old_token_of_htmx_leads_to_the_login(staff: Callable) -> None:
    answer = Client(enforce_csrf_checks=True).post("/review/items/next/", headers=HTMX)
    assert answer["HX-Redirect"] == "/login/?next=/review/items/7/"
