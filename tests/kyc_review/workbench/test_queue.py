"""The queue's page: what it lists, filters and links to."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kyc_review.accounts.models import User
from kyc_review.review.models import ReviewItem
from tests.factories.workbench import url

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def test_the_list_shows_counts_reasons_risk_and_state_but_no_face(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, staff: Callable[..., User]
) -> None:
    enqueue("unanimous_fake", 0.97)
    page = login(staff("sue", "senior")).get("/review/").text
    assert "All five say fake" in page
    assert "0.97" in page
    assert "With alice" in page
    assert "<img" not in page


def test_the_queues_poll_answers_with_the_list_alone(enqueue: Enqueue, login: Login, alice: User) -> None:
    enqueue()
    part = login(alice).get("/review/", headers=HTMX | {"HX-Target": "queue"}).text
    assert "<html" not in part
    assert 'data-testid="waiting">1<' in part


def test_the_queue_links_to_items_only_for_seniors(
    claimed: ReviewItem, login: Login, bob: User, staff: Callable
) -> None:
    assert url("item", claimed) not in login(bob).get("/review/").text
    assert url("item", claimed) in login(staff("sue", "senior")).get("/review/").text


def test_query_counts_do_not_grow_with_the_queue(
    enqueue: Enqueue, claimed: ReviewItem, login: Login, alice: User
) -> None:
    client = login(alice)
    addresses = ("/review/", url("item", claimed))
    client.get("/review/")

    def queries() -> list[int]:
        found = []
        for address in addresses:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert client.get(address).status_code == 200
            found.append(len(captured))
        return found

    before = queries()
    for number in range(30):
        enqueue("unanimous_fake" if number % 2 else "split_vote", number / 30)
    assert queries() == before
    assert max(before) <= 18


def test_the_queue_is_filtered_by_reason_and_its_poll_keeps_the_filter(
    enqueue: Enqueue, staff: Callable[..., User], login: Login
) -> None:
    doubted, split = enqueue("checks"), enqueue("split_vote")
    client = login(staff("audrey", "auditor"))
    text = client.get("/review/?reason=checks").text
    assert [item.pk for item in client.get("/review/?reason=checks").context["page"].items] == [doubted.pk]
    assert 'hx-get="/review/?reason=checks"' in text
    assert 'href="/review/?reason=split_vote"' in text
    everything = client.get("/review/?reason=nonsense").context["page"].items
    assert [item.pk for item in everything] == [split.pk, doubted.pk]
    headers = HTMX | {"HX-Target": "queue"}
    polled = client.get("/review/?reason=checks", headers=headers)
    assert 'hx-get="/review/?reason=checks"' in polled.text


def test_a_filter_whose_last_item_is_gone_says_so(
    enqueue: Enqueue, staff: Callable[..., User], login: Login
) -> None:
    enqueue("split_vote")
    answer = login(staff("sue", "senior")).get("/review/?reason=checks")
    assert answer.context["page"].items == []
    assert "No items of this kind are waiting." in answer.text
