import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client

from kyc_review.accounts import services as accounts
from kyc_review.accounts.integrations.idempotency import Answer, InFlight, answer_once, records_expire
from kyc_review.accounts.models import ApiKey, IdempotencyRecord, Integration
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.submissions.models import Submission
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


def post(client: Client, key: str | None = "k-1", seed: int = 0, **fields: Any) -> ClientResponse:
    image = SimpleUploadedFile("selfie.jpg", jpeg_bytes(seed=seed), content_type="image/jpeg")
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(URL, {"image": image, "external_ref": "application-1"} | fields, headers=headers)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_missing"),
        ("x" * 256, "idempotency_key_invalid"),
        ("two words", "idempotency_key_invalid"),
    ],
)
def test_a_create_without_a_proper_key_is_refused_before_anything_else(
    api: Client, key: str | None, code: str
) -> None:
    response = post(api, key, external_ref="")
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert "Idempotency-Key" in response.json()["detail"]


def test_the_same_request_again_gets_the_same_answer_and_makes_nothing(api: Client) -> None:
    first, second = post(api), post(api)
    assert (second.status_code, second.content, second["Location"]) == (202, first.content, first["Location"])
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert Submission.objects.count() == 1


def test_a_repetition_shows_the_present_state(api: Client) -> None:
    first = post(api)
    api.post(f"{URL}/{first.json()['id']}/cancel")
    second = post(api)
    assert (second.status_code, second["Idempotent-Replayed"]) == (202, "true")
    assert second.json() == first.json() | {"status": "cancelled", "updated_at": ANY}


def test_a_repeated_batch_shows_present_states_and_410_for_what_was_erased(api: Client) -> None:
    image = base64.b64encode(jpeg_bytes()).decode()
    body = {"submissions": [{"image": image, "external_ref": str(n)} for n in range(2)] + [{}]}
    headers, kind = {"Idempotency-Key": "b"}, "application/json"
    first = api.post(f"{URL}/batch", body, content_type=kind, headers=headers).json()["results"]
    submission_erase(submission_id=UUID(first[0]["submission"]["id"]), reason="Asked.", actor=None)
    again = api.post(f"{URL}/batch", body, content_type=kind, headers=headers).json()["results"]
    assert [one["status"] for one in again] == [410, 202, 400]
    assert (again[0]["problem"]["code"], "submission" in again[0]) == ("erased", False)
    assert again[1:] == first[1:]


def test_quotation_marks_are_no_part_of_the_key(api: Client) -> None:
    assert post(api, '"k-1"').json() == post(api, "k-1").json()


@pytest.mark.parametrize("other", [{"seed": 1}, {"external_ref": "application-2"}, {"applicant_ref": "p"}])
def test_the_same_key_with_another_body_is_refused(api: Client, other: dict[str, Any]) -> None:
    post(api)
    response = post(api, **other)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Submission.objects.count() == 1


def test_a_key_is_its_integrations_own_and_its_modes_own(api: Client, integration: Integration) -> None:
    post(api)
    other = accounts.integration_create(slug="other", name="Other")
    for key in (
        accounts.key_create(integration=other)[1],
        accounts.key_create(integration=integration, is_test=True)[1],
    ):
        assert "Idempotent-Replayed" not in post(Client(headers={"Authorization": f"Bearer {key}"}))
    assert Submission.objects.count() == 3


def test_a_refused_request_leaves_the_key_free(api: Client) -> None:
    assert post(api, external_ref="").status_code == 400
    assert post(api).status_code == 202


def test_after_a_day_the_key_is_free_again(api: Client) -> None:
    post(api)
    IdempotencyRecord.objects.update(
        created_at=IdempotencyRecord.objects.get().created_at - timedelta(hours=25)
    )
    assert post(api, seed=1).status_code == 202
    assert Submission.objects.count() == 2
    IdempotencyRecord.objects.update(
        created_at=IdempotencyRecord.objects.get().created_at - timedelta(hours=25)
    )
    assert records_expire() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_in_flight_is_refused_without_waiting(api: Client) -> None:
    """The first request is held open in the middle, in a thread with a connection of its own."""
    caller, begun, may_end = ApiKey.objects.get(), Event(), Event()

    def act() -> Answer:
        begun.set()
        assert may_end.wait(10)
        return Answer(202, {})

    def first() -> Answer:
        try:
            return answer_once(caller=caller, key="k-1", content="c", act=act)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(first)
        assert begun.wait(10)
        response = post(api)
        may_end.set()
        assert answer.result().status == 202
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_in_flight")
    assert response["Retry-After"] == "1"


def test_an_answer_that_was_kept_between_the_look_and_the_lock_is_never_given_twice(api_key: str) -> None:
    """What the lock cannot exclude, the table does: the second is sent away and makes nothing."""
    caller = ApiKey.objects.get()

    def act() -> Answer:
        IdempotencyRecord.objects.create(
            integration=caller.integration,
            is_test=caller.is_test,
            key="k",
            fingerprint="c",
            status=202,
            body="{}",
        )
        return Answer(202, {})

    with pytest.raises(InFlight), transaction.atomic():
        answer_once(caller=caller, key="k", content="c", act=act)
    assert not IdempotencyRecord.objects.exists()


def test_what_fails_while_it_is_made_keeps_no_answer(api_key: str) -> None:
    caller = ApiKey.objects.get()

    def fail() -> Answer:
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        answer_once(caller=caller, key="k", content="c", act=fail)
    assert not IdempotencyRecord.objects.exists()
    assert answer_once(caller=caller, key="k", content="c", act=lambda: Answer(202, {})).status == 202
