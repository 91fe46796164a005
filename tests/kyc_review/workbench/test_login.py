"""The way in: home, login, a session that ended."""

import pytest
from django.test import Client

from kyc_review.accounts.models import User
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def test_home_leads_to_the_queue_and_a_stranger_to_the_login(client: Client) -> None:
    assert client.get("/")["Location"] == "/login/"
    assert client.get("/review/")["Location"] == "/login/?next=/review/"


def test_a_session_that_ended_leaves_the_page_instead_of_swapping_the_login_into_it(client: Client) -> None:
    headers = HTMX | {"HX-Current-URL": "http://testserver/review/items/7/"}
    answer = client.post("/review/items/next/", headers=headers)
    assert answer["HX-Redirect"] == "/login/?next=/review/items/7/"


def test_logging_in_shows_the_queue(client: Client, alice: User) -> None:
    answer = client.post("/login/", {"username": "alice", "password": PASSWORD}, follow=True)
    assert "Review queue" in answer.text
    assert "The queue is empty" in answer.text


def test_a_wrong_password_says_so(client: Client, alice: User) -> None:
    assert (
        "Incorrect user name or password"
        in client.post("/login/", {"username": "alice", "password": "x"}).text
    )
