import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from standardwebhooks import Webhook

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import IdempotencyRecord, Integration, Scope
from kyc_review.audit.models import Event as AuditEvent
from kyc_review.submissions.events import event_record
from kyc_review.submissions.models import Submission
from kyc_review.webhooks import services
from kyc_review.webhooks.delivery import deliver_until_idle
from kyc_review.webhooks.models import Delivery, Endpoint, Kind
from kyc_review.webhooks.selectors import deliveries_of, endpoints_of
from tests.factories.receivers import Receiver

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhook-endpoints"


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, path, json.dumps(body or {}), content_type="application/json")


def test_an_endpoint_is_registered_tried_read_changed_and_deleted(api: Client, receiver: Receiver) -> None:
    made = send(api, "POST", URL, {"url": receiver.url, "events": ["submission.completed"]})
    assert made.status_code == 201, made.content
    body = made.json()
    secret, path = body.pop("secret"), f"{URL}/{body['id']}"
    assert api.get(path).json() == body
    assert api.get(URL).json() == {"data": [body]}
    tried = send(api, "POST", f"{path}/test")
    assert (tried.status_code, tried.json()["state"], tried.json()["attempts"]) == (202, "pending", [])
    deliver_until_idle()
    headers, sent = receiver.seen[0]
    assert Webhook(secret).verify(sent, headers)["type"] == "webhook.test"
    log = api.get(f"{path}/deliveries").json()
    assert [(row["state"], row["attempts"][0]["status"]) for row in log["data"]] == [("delivered", 204)]
    changed = send(api, "PATCH", path, {"active": False, "description": "old"}).json()
    assert (changed["active"], changed["description"], changed["url"]) == (False, "old", receiver.url)
    refused = send(api, "POST", f"{path}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_paused")
    assert send(api, "PATCH", path, {"active": True}).json()["disabled_reason"] == ""
    assert send(api, "DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.get(URL).json() == {"data": []}


def test_messages_carry_the_reference_where_the_endpoint_asks_for_it(
    api: Client, submit: Callable[..., Submission], receiver: Receiver
) -> None:
    path = f"{URL}/{send(api, 'POST', URL, {'url': receiver.url, 'include_external_ref': True}).json()['id']}"
    row = submit(external_ref="application-1")
    event_record(submission=row, kind=Kind.QUEUED)
    deliver_until_idle()
    assert send(api, "PATCH", path, {"include_external_ref": False}).json()["include_external_ref"] is False
    event_record(submission=row, kind=Kind.QUEUED)
    deliver_until_idle()
    first, second = (json.loads(body)["data"] for _, body in receiver.seen)
    assert first == second | {"external_ref": "application-1"}
    assert "external_ref" not in second


def test_the_secret_is_sealed_in_the_database_and_in_no_later_answer(api: Client, receiver: Receiver) -> None:
    secret = send(api, "POST", URL, {"url": receiver.url}).json()["secret"]
    row = Endpoint.objects.get()
    assert secret not in json.dumps([row.secret, api.get(URL).json(), str(AuditEvent.objects.values_list())])
    rotated = send(api, "POST", f"{URL}/{row.pk}/secret").json()
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != secret


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"url": "http://example.com/"}, 422, "#/url"),
        ({"url": "https://169.254.169.254/latest"}, 422, "#/url"),
        ({}, 400, "#/url"),
        ({"url": "https://example.com/", "events": ["webhook.test"]}, 400, "#/events"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_with_the_field(
    api: Client, body: dict[str, Any], status: int, pointer: str
) -> None:
    response = send(api, "POST", URL, body)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert response.json()["errors"][0]["pointer"].startswith(pointer)
    assert not Endpoint.objects.exists()


def test_a_dead_delivery_is_replayed_under_its_old_id(
    api: Client, endpoint: tuple[Endpoint, str], receiver: Receiver, submit: Callable
) -> None:
    receiver.status = 410
    event_record(submission=submit(), kind=Kind.CLEARED)
    deliver_until_idle()
    row = Delivery.objects.get()
    path = f"/api/v1/webhook-deliveries/{row.pk}"
    assert api.get(path).json()["state"] == "dead"
    assert send(api, "POST", f"{path}/replay").status_code == 409
    send(api, "PATCH", f"{URL}/{endpoint[0].pk}", {"active": True})
    receiver.status = 200
    assert send(api, "POST", f"{path}/replay").json()["state"] == "pending"
    assert send(api, "POST", f"{path}/replay").json()["code"] == "not_replayable"
    deliver_until_idle()
    assert api.get(path).json()["state"] == "delivered"
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1


def test_the_log_is_read_in_pages(api: Client, endpoint: tuple[Endpoint, str], submit: Callable) -> None:
    for _ in range(3):
        event_record(submission=submit(), kind=Kind.CLEARED)
    path = f"{URL}/{endpoint[0].pk}/deliveries"
    first = api.get(path, {"limit": 2}).json()
    second = api.get(path, {"limit": 2, "after": first["next"]}).json()
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)
    assert len({row["id"] for row in first["data"] + second["data"]}) == 3
    assert api.get(path, {"after": str(endpoint[0].pk)}).status_code == 400
    assert api.get(path, {"state": "dead"}).json()["data"] == []


def test_a_key_without_the_scope_is_refused(integration: Integration) -> None:
    scopes = [Scope.SUBMISSIONS_WRITE, Scope.SUBMISSIONS_READ]
    key = accounts.key_create(integration=integration, scopes=scopes)[1]
    api = Client(headers={"Authorization": f"Bearer {key}"})
    assert api.get(URL).status_code == 403
    assert send(api, "POST", URL, {"url": "https://example.com/"}).status_code == 403


def test_another_integration_and_the_other_mode_see_nothing_of_it(
    integration: Integration, endpoint: tuple[Endpoint, str], submit: Callable
) -> None:
    event_record(submission=submit(), kind=Kind.CLEARED)
    row, delivery = endpoint[0], Delivery.objects.get()
    stranger = accounts.key_create(integration=accounts.integration_create(slug="other", name="Other"))
    sandbox = accounts.key_create(integration=integration, is_test=True)
    for key, secret in (stranger, sandbox):
        key.refresh_from_db()
        assert not endpoints_of(key).exists()
        assert not deliveries_of(key).exists()
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        assert client.get(URL).json() == {"data": []}
        for method, path in (
            ("GET", f"{URL}/{row.pk}"),
            ("PATCH", f"{URL}/{row.pk}"),
            ("DELETE", f"{URL}/{row.pk}"),
            ("POST", f"{URL}/{row.pk}/secret"),
            ("POST", f"{URL}/{row.pk}/test"),
            ("GET", f"{URL}/{row.pk}/deliveries"),
            ("GET", f"/api/v1/webhook-deliveries/{delivery.pk}"),
            ("POST", f"/api/v1/webhook-deliveries/{delivery.pk}/replay"),
        ):
            assert send(client, method, path).status_code == 404, (method, path)


def test_live_events_do_not_reach_a_test_endpoint(
    integration: Integration, receiver: Receiver, submit: Callable
) -> None:
    services.endpoint_create(integration=integration, url=receiver.url, is_test=True)
    event_record(submission=submit(), kind=Kind.CLEARED)
    assert not Delivery.objects.exists()
    event_record(submission=submit(is_test=True), kind=Kind.CLEARED)
    assert Delivery.objects.get().event.payload["data"]["is_test"] is True


def test_the_twenty_first_endpoint_is_refused(
    api: Client, integration: Integration, settings: LazySettings
) -> None:
    for number in range(services.ENDPOINTS_MAX):
        services.endpoint_create(integration=integration, url=f"https://example.com/{number}")
    assert send(api, "POST", URL, {"url": "https://example.com/"}).json()["code"] == "too_many_endpoints"


def once(client: Client, path: str, body: Any = None, key: str = "k-1") -> Any:
    return client.post(
        path, json.dumps(body or {}), content_type="application/json", headers={"Idempotency-Key": key}
    )


def test_a_repeated_registration_makes_nothing_and_shows_the_secret_until_it_is_replaced(
    api: Client, receiver: Receiver
) -> None:
    body = {"url": receiver.url}
    first, second = once(api, URL, body), once(api, URL, body)
    assert (first.status_code, second.status_code, second.json()) == (201, 201, first.json())
    assert ("Idempotent-Replayed" in first, second["Idempotent-Replayed"]) == (False, "true")
    assert AuditEvent.objects.filter(action="webhook.secret_shown_again").count() == 1
    stored = json.dumps([str(row) for row in IdempotencyRecord.objects.values_list()])
    assert first.json()["secret"] not in stored
    other = once(api, URL, body | {"description": "other"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    path = f"{URL}/{first.json()['id']}"
    send(api, "POST", f"{path}/secret")
    replaced = once(api, URL, body)
    assert (replaced.status_code, replaced.json()["code"]) == (410, "secret_replaced")
    send(api, "DELETE", path)
    deleted = once(api, URL, body)
    assert (deleted.status_code, deleted.json()["code"]) == (410, "endpoint_deleted")
    assert Endpoint.objects.count() == 1


def test_a_repeated_rotation_shows_the_same_secret(api: Client, endpoint: tuple[Endpoint, str]) -> None:
    path = f"{URL}/{endpoint[0].pk}/secret"
    first, second = once(api, path), once(api, path)
    assert (second.status_code, second.json(), second["Idempotent-Replayed"]) == (201, first.json(), "true")
    third = once(api, path, key="k-2")
    assert third.json()["secret"] != first.json()["secret"]
    assert once(api, path).json()["code"] == "secret_replaced"


def test_a_refused_registration_leaves_the_key_free(api: Client, receiver: Receiver) -> None:
    assert once(api, URL, {"url": "http://example.com/"}).status_code == 422
    assert once(api, URL, {"url": receiver.url}).status_code == 201
