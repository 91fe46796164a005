"""Appeals by API: scope, idempotency, refusals, the sandbox."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration, Scope
from kyc_review.review.appeals import appeal_answered
from kyc_review.review.models import CaseComment, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Endpoint, Event
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]


@pytest.fixture
def rejected(submit: Submit) -> Submission:
    row = submit()
    Submission.objects.filter(pk=row.pk).update(
        state="completed",
        result="rejected",
        result_reason="reviewer_found_forged",
        completed_at=row.received_at,
    )
    row.refresh_from_db()
    return row


def appeal(client: Client, row: Submission, key: str = "", **body: object) -> ClientResponse:
    return client.post(
        f"/api/v1/submissions/{row.pk}/appeal",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": key or uuid4().hex},
    )


def test_an_appeal_opens_an_item_and_is_answered_once_per_key(api: Client, rejected: Submission) -> None:
    first = appeal(api, rejected, "key-1", reason="It is me.")
    assert first.status_code == 201, first.content
    comment = CaseComment.objects.get()
    assert first.json() == {
        "submission": str(rejected.pk),
        "appealed_at": comment.written_at.isoformat().replace("+00:00", "Z"),
        "answered_at": None,
    }
    assert (comment.text, comment.author, comment.is_appeal) == ("It is me.", None, True)
    again = appeal(api, rejected, "key-1", reason="It is me.")
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")
    appeal_answered(rejected.pk)
    assert appeal(api, rejected, "key-1", reason="It is me.").json()["answered_at"] is not None
    assert appeal(api, rejected, "key-1", reason="Other words").status_code == 422
    other = appeal(api, rejected, "key-2")
    assert (other.status_code, other.json()["code"]) == (409, "appeal_refused")
    assert "once" in other.json()["detail"]
    assert ReviewItem.objects.filter(reason="appeal").count() == 1


def test_a_refused_appeal_keeps_nothing_and_may_be_repeated_with_its_key(api: Client, submit: Submit) -> None:
    row = submit()
    assert appeal(api, row, "key-1").status_code == 409
    Submission.objects.filter(pk=row.pk).update(
        state="completed", result="resubmit", result_reason="blurred", completed_at=row.received_at
    )
    assert appeal(api, row, "key-1").status_code == 201


@pytest.mark.parametrize("reason", ["gold", "audit", "second_opinion"])
def test_while_a_person_judges_the_picture_it_says_try_later_and_then_accepts_the_same_request(
    api: Client, rejected: Submission, reason: str
) -> None:
    pending = ReviewItem.objects.create(submission=rejected, reason=reason, risk=0.5, is_blind=True)
    refused = appeal(api, rejected, "key-1")
    assert (refused.status_code, refused.json()["code"]) == (409, "appeal_not_yet")
    assert "repeat" in refused.json()["detail"]
    ReviewItem.objects.filter(pk=pending.pk).update(state="decided", decided_at=Now())
    assert appeal(api, rejected, "key-1").status_code == 201


def test_without_a_key_or_with_wrong_fields_it_is_refused(api: Client, rejected: Submission) -> None:
    address = f"/api/v1/submissions/{rejected.pk}/appeal"
    missing = api.post(address, {}, content_type="application/json")
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    assert appeal(api, rejected, reason="x" * 2001).status_code == 400
    assert not CaseComment.objects.exists()


def test_only_the_integration_with_the_scope_appeals(rejected: Submission, integration: Integration) -> None:
    other = accounts.integration_create(slug="other", name="Other")
    for owner, scopes, status in (
        (other, [Scope.SUBMISSIONS_WRITE], 404),
        (integration, [Scope.SUBMISSIONS_READ], 403),
        (integration, [Scope.SUBMISSIONS_WRITE], 201),
    ):
        key = key_of(owner, scopes)
        client = Client(headers={"Authorization": f"Bearer {key}"})
        assert appeal(client, rejected).status_code == status


def key_of(owner: Integration, scopes: list[Scope], *, is_test: bool = False) -> str:
    return accounts.key_create(integration=owner, scopes=[str(scope) for scope in scopes], is_test=is_test)[1]


def test_in_the_sandbox_the_result_stays_and_the_event_follows_at_once(
    rejected: Submission, integration: Integration
) -> None:
    Submission.objects.filter(pk=rejected.pk).update(is_test=True)
    Endpoint.objects.create(
        integration=integration, url="https://bank.example/hook", secret="x", is_test=True
    )
    key = key_of(integration, [Scope.SUBMISSIONS_WRITE], is_test=True)
    answer = appeal(Client(headers={"Authorization": f"Bearer {key}"}), rejected)
    assert answer.status_code == 201, answer.content
    assert answer.json()["answered_at"] is not None
    assert not ReviewItem.objects.exists()
    assert list(Event.objects.values_list("kind", flat=True)) == ["submission.appeal_decided"]
