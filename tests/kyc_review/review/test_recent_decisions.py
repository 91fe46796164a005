"""A reviewer can view and correct their decisions for a day; no one else gets access by that."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.review import recent_decisions
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from tests.factories.claims import item_claim_next
from tests.factories.pages import without_numbers

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


@pytest.fixture
def decided(claimed: ReviewItem, alice: User, settings: LazySettings) -> ReviewItem:
    settings.UNDO_WINDOW_S = 0
    ReviewItem.objects.filter(pk=claimed.pk).update(is_blind=True)
    decision_record(item_id=claimed.pk, reviewer=alice, label="real", note="I was in a hurry.")
    return claimed


def test_its_author_finds_it_looks_again_and_corrects_it(
    decided: ReviewItem, login: Login, alice: User
) -> None:
    browser, address = login(alice), reverse("review:item", args=[decided.pk])
    assert address in browser.get("/review/quality/").text
    page = browser.get(address).text
    assert "Correct this decision" in page
    assert "models and their combination say fake" in page
    assert browser.get(f"{address}image/").status_code == 200
    assert browser.get(f"{address}evidence/").status_code == 200
    browser.post(f"{address}correction/", {"label": "fake"})
    assert Submission.objects.get(pk=decided.submission_id).result == "rejected"
    assert "Corrected to" in browser.get(address).text


@pytest.mark.parametrize("name", ["", "image/", "evidence/"])
def test_a_colleague_an_admin_and_an_auditor_gain_nothing_by_it(
    decided: ReviewItem, login: Login, bob: User, staff: Callable, name: str
) -> None:
    address = f"/review/items/{decided.pk}/{name}"
    for person in (bob, staff("ada", "admin"), staff("audrey", "auditor")):
        assert login(person).get(address).status_code == 403
        assert not recent_decisions.items_answered(viewer=person).exists()
        assert not recent_decisions.answers(viewer=person).exists()


def test_it_ends_after_a_day(
    decided: ReviewItem, login: Login, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_decisions, "RECENT", timedelta(0))
    assert login(alice).get(f"/review/items/{decided.pk}/").status_code == 403
    assert login(alice).get(f"/review/items/{decided.pk}/image/").status_code == 403


def test_whoever_lost_their_role_sees_nothing_of_it(decided: ReviewItem, alice: User) -> None:
    alice.groups.clear()
    viewer = User.objects.get(pk=alice.pk)
    assert not recent_decisions.items_answered(viewer=viewer).exists()


def test_gold_is_looked_at_again_like_any_other(
    enqueue: Callable, login: Login, alice: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 0
    hidden = {
        "reason": "gold",
        "masked_reason": "split_vote",
        "queue_reason": "split_vote",
        "queue_risk": 0.5,
    }
    pages = []
    for fields in ({}, hidden):
        item = enqueue()
        ReviewItem.objects.filter(pk=item.pk).update(is_blind=True, **fields)
        assert item_claim_next(reviewer=alice) == item
        decision_record(item_id=item.pk, reviewer=alice, label="real")
        pages.append(without_numbers(login(alice).get(f"/review/items/{item.pk}/").text))
    assert pages[0] == pages[1]
    assert "Correct this decision" in pages[1]
