"""Claiming, keeping and putting aside an item on its page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from tests.factories.claims import expire
from tests.factories.workbench import url

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def test_claiming_leads_to_the_item_with_its_votes(enqueue: Enqueue, login: Login, alice: User) -> None:
    item = enqueue()
    client = login(alice)
    assert client.post("/review/items/next/")["Location"] == url("item", item)
    page = client.get(url("item", item)).text
    for expected in (
        "2 of 4 models and their combination say fake",
        "91 %",
        "50 %",
        "not an independent vote",
    ):
        assert expected in page
    assert page.count('<th scope="row">') == 5


def test_an_unscorable_item_says_that_there_are_no_votes(enqueue: Enqueue, login: Login, alice: User) -> None:
    enqueue("unscorable", 1.0)
    page = login(alice).post("/review/items/next/", follow=True).text
    assert "could not score this image" in page


def test_a_heartbeat_renews_the_claim_and_tells_how_long_it_lasts(
    claimed: ReviewItem, login: Login, alice: User
) -> None:
    answer = login(alice).post(url("claim", claimed), headers=HTMX)
    assert answer.status_code == 204
    assert '"remaining_s": 600' in answer["HX-Trigger"]


def test_a_heartbeat_after_the_end_brings_the_message(claimed: ReviewItem, login: Login, alice: User) -> None:
    expire(claimed)
    answer = login(alice).post(url("claim", claimed), headers=HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#decision")


def test_skipping_goes_on_to_another_item(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User
) -> None:
    other = enqueue(risk=0.1)
    client = login(alice)
    answer = client.post(url("release", claimed), {"shown_item": claimed.pk}, headers=HTMX)
    assert answer["HX-Push-Url"] == url("item", other)
    page = client.post(url("release", other), {"shown_item": other.pk}, headers=HTMX).text
    assert "You skipped 2 waiting items" in page
    assert client.post("/review/items/next/", {"skipped": "on"})["Location"] == url("item", claimed)


@pytest.mark.parametrize("act", ["release", "snooze", "escalation", "handover"])
@pytest.mark.parametrize("shown", [{}, {"shown_item": "0"}])
def test_an_item_is_not_put_aside_while_another_picture_is_on_the_screen(
    claimed: ReviewItem, login: Login, alice: User, bob: User, staff: Callable, act: str, shown: dict
) -> None:
    staff("sue", "senior")
    form = {"minutes": "15", "to": str(bob.pk)}
    answer = login(alice).post(url(act, claimed), form | shown, headers=HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#main")
    assert ReviewItem.objects.get().claimed_by == alice
    assert login(alice).post(url(act, claimed), form | {"shown_item": ""}, headers=HTMX).status_code == 200
    assert ReviewItem.objects.get().claimed_by is None, "an item without a picture can be put aside"


@pytest.mark.parametrize("act", ["open", "back to my item", "first call", "refused answer"])
def test_opening_the_item_and_each_act_renew_the_claim(
    claimed: ReviewItem, login: Login, alice: User, act: str
) -> None:
    ends = Now() + timedelta(seconds=25)
    ReviewItem.objects.filter(pk=claimed.pk).update(claim_expires_at=ends, is_blind=True)
    client, form = login(alice), {"label": "real", "shown_item": claimed.pk}
    if act == "open":
        client.get(url("item", claimed))
    elif act == "back to my item":
        client.post("/review/items/next/", headers=HTMX)
    elif act == "first call":
        answer = client.post(url("first-call", claimed), form, headers=HTMX)
        assert '"remaining_s": 600' in answer["HX-Trigger"]
    else:
        answer = client.post(url("decision", claimed), form | {"label": ""}, headers=HTMX)
        assert answer.status_code == 422
        assert '"remaining_s": 600' in answer["HX-Trigger"]
    claimed.refresh_from_db()
    assert claimed.claim_expires_at is not None
    assert claimed.claim_expires_at - timezone.now() > timedelta(seconds=500)
