"""What the pages of blind items leave out until the first call, and what is recorded of looking."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.review.models import ReviewItem
from kyc_review.review.release import item_escalate
from tests.factories.pages import collapsed
from tests.factories.workbench import url

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def test_a_message_about_a_blind_item_appears_with_the_first_call(
    claimed: ReviewItem, login: Login, alice: User, staff: Callable[..., User]
) -> None:
    client = login(staff("sue", "senior"))
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    item_escalate(item_id=claimed.pk, reviewer=alice, message="All models say fake.")
    page = client.get(url("item", claimed)).text
    assert "All models say fake" not in page, "also on a read-only page"
    page = client.post("/review/items/next/", follow=True).text
    assert "All models say fake" not in page
    assert "appears with your first call" in page
    call = {"label": "real", "shown_item": str(claimed.pk)}
    assert "All models say fake" in client.post(url("first-call", claimed), call, headers=HTMX).text


def test_the_age_of_a_blind_item_is_told_in_hours(
    claimed: ReviewItem, login: Login, alice: User, staff: Callable[..., User]
) -> None:
    ReviewItem.objects.update(is_blind=True, opened_at=Now() - timedelta(minutes=143))
    page = collapsed(login(alice).get(url("item", claimed)))
    assert "over 2 h" in page
    assert "23 min" not in page
    assert "over 2 h" in login(staff("sue", "senior")).get("/review/").text
    assert "2 h 23 min" in login(staff("aud", "auditor")).get("/review/").text


def test_looking_at_the_evidence_of_somebody_elses_item_is_recorded(
    claimed: ReviewItem, login: Login, staff: Callable[..., User], alice: User
) -> None:
    address = reverse("evidence:panel", args=[claimed.pk])
    login(alice).get(address)
    assert not Event.objects.filter(action="item.looked_at").exists(), "a claim is itself a record"
    sue = staff("sue", "senior")
    assert login(sue).get(address).status_code == 200
    assert Event.objects.get(action="item.looked_at").actor_id == str(sue.pk)
