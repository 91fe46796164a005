"""Cancelling, waiting and later outcomes; creating by form is in test_api.py."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from kyc_review.accounts.models import IdempotencyRecord, User
from kyc_review.audit.models import Event
from kyc_review.review.models import Decision, FirstCall, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions.api import waiting
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.state_changes import submission_complete
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


def send(client: Client, path: str, body: Any, key: str | None = None) -> ClientResponse:
    once = {"Idempotency-Key": key or uuid4().hex}
    return client.post(f"{URL}{path}", body, content_type="application/json", headers=once)


@pytest.mark.parametrize("state", [State.RECEIVED, State.IN_REVIEW])
def test_a_cancelled_submission_leaves_the_queue_and_stays_cancelled(
    api: Client, submit: Callable[..., Submission], state: str
) -> None:
    row = submit()
    if state == State.IN_REVIEW:
        Submission.objects.update(state=state)
        items_open([(row.pk, "split_vote", 0.5)])
    for _ in range(2):
        response = api.post(f"{URL}/{row.pk}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert not ReviewItem.objects.exists()
    assert Event.objects.filter(action="submission.cancelled").count() == 1


def test_a_blind_first_call_does_not_keep_a_cancelled_submission_in_the_queue(
    api: Client, submit: Callable[..., Submission], alice: User
) -> None:
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    items_open([(row.pk, "split_vote", 0.5)])
    item = ReviewItem.objects.get()
    FirstCall.objects.create(item=item, reviewer=alice, label="real")
    assert api.post(f"{URL}/{row.pk}/cancel").status_code == 200
    assert not ReviewItem.objects.exists()


def test_what_a_person_has_decided_is_too_late_to_cancel(
    api: Client, submit: Callable[..., Submission], alice: User
) -> None:
    """Also within the seconds in which the decision may be taken back: the reviewer's word stands until then."""
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    items_open([(row.pk, "split_vote", 0.5)])
    item = ReviewItem.objects.get()
    Decision.objects.create(item=item, submission=row, reviewer=alice, label="real", handling_ms=1)
    response = api.post(f"{URL}/{row.pk}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "already_decided")
    row.refresh_from_db()
    assert row.state == State.IN_REVIEW


def test_a_submission_with_a_result_cannot_be_cancelled(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    submission_complete(submission_id=row.pk, result="clear")
    response = api.post(f"{URL}/{row.pk}/cancel")
    assert (response.status_code, response.json()["code"]) == (409, "already_decided")


def test_a_late_outcome_is_kept_and_corrected_and_changes_no_result(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    path = f"/{row.pk}/outcome"
    early = send(api, path, {"outcome": "confirmed_fraud"})
    assert (early.status_code, early.json()["code"]) == (409, "not_completed")
    Submission.objects.update(state=State.IN_REVIEW)
    submission_complete(submission_id=row.pk, result="clear")
    first = send(api, path, {"outcome": "confirmed_fraud", "note": "charge-back"})
    assert first.status_code == 201, first.content
    assert first.json() == send(api, path, {"outcome": "confirmed_fraud", "note": "charge-back"}).json()
    assert send(api, path, {"outcome": "confirmed_genuine"}).status_code == 201
    assert list(row.late_outcomes.order_by("pk").values_list("finding", flat=True)) == [
        "confirmed_fraud",
        "confirmed_genuine",
    ]
    assert api.get(f"{URL}/{row.pk}").json()["result"] == "clear"
    assert send(api, path, {"outcome": "perhaps"}).status_code == 400


def test_a_wait_ends_with_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    here = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: asked.append(1))
    monkeypatch.setattr(waiting, "time", here)
    waiting.wait_until(lambda: len(asked) > 3, seconds=10)
    assert len(asked) == 4


def test_only_so_many_wait_and_the_others_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import BoundedSemaphore

    monkeypatch.setattr(waiting, "_places", BoundedSemaphore(1))
    with waiting._places:
        waiting.wait_until(lambda: False, seconds=3600)
    assert waiting._places.acquire(blocking=False)


@pytest.mark.parametrize("wait", ["11", "-1", "x", "nan", "inf"])
def test_a_wait_has_bounds(api: Client, submit: Callable[..., Submission], wait: str) -> None:
    response = api.get(f"{URL}/{submit().pk}?wait={wait}")
    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["parameter"] == "wait"


def test_a_repeated_outcome_does_not_overrule_a_later_one(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    Submission.objects.update(state=State.IN_REVIEW)
    submission_complete(submission_id=row.pk, result="clear")
    said = {"outcome": "confirmed_fraud", "note": "charge-back of Jane Doe"}

    def report(body: dict[str, Any], key: str) -> Any:
        path = f"{URL}/{row.pk}/outcome"
        return api.post(path, body, content_type="application/json", headers={"Idempotency-Key": key})

    first = report(said, "k-1")
    report({"outcome": "confirmed_genuine"}, "k-2")
    again = report(said, "k-1")
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert api.get(f"{URL}/{row.pk}/outcome").json()["outcome"] == "confirmed_genuine"
    assert report({"outcome": "confirmed_fraud"}, "k-1").json()["code"] == "idempotency_key_reused"
    assert not IdempotencyRecord.objects.filter(body__contains="Jane").exists()
