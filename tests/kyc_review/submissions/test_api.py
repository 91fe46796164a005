from pathlib import Path
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.submissions.models import State, Submission
from kyc_review.submissions.storage import originals
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


def post(
    client: Client, data: bytes | None = None, name: str = "selfie.jpg", **fields: Any
) -> ClientResponse:
    image = SimpleUploadedFile(name, jpeg_bytes() if data is None else data, content_type="image/jpeg")
    once = {"Idempotency-Key": uuid4().hex}
    return client.post(URL, {"image": image, "external_ref": "application-1"} | fields, headers=once)


def test_an_accepted_selfie_answers_202_with_its_location(api: Client) -> None:
    response = post(api, applicant_ref="p-7", metadata='{"branch": "12"}')
    assert response.status_code == 202, response.content
    body = response.json()
    assert body == {
        "id": ANY,
        "external_ref": "application-1",
        "applicant_ref": "p-7",
        "metadata": {"branch": "12"},
        "status": "received",
        "result": None,
        "reasons": [],
        "checks": [],
        "test": False,
        "sha256": ANY,
        "reference_sha256": None,
        "received_at": ANY,
        "completed_at": None,
        "updated_at": ANY,
    }
    assert response["Location"].endswith(f"{URL}/{body['id']}")
    assert api.get(response["Location"]).json() == body


@pytest.mark.parametrize(
    ("second", "pointer"),
    [
        ({"image": 1}, "#/image"),
        ({"photo": 1}, "#/photo"),
        ({"image": "text"}, "#/image"),
        ({"external_ref": "application-2"}, "#/external_ref"),
        ({"applicant_ref": "p-8"}, "#/applicant_ref"),
        ({"metadata": "{}"}, "#/metadata"),
        ({"branch": "12"}, "#/branch"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_form_that_gives_two_pictures_or_a_field_twice_is_refused_by_name(
    api: Client, second: dict[str, Any], pointer: str, order: int
) -> None:
    files = [
        SimpleUploadedFile(f"{seed}.jpg", jpeg_bytes(seed=seed), content_type="image/jpeg") for seed in (0, 1)
    ]
    form: dict[str, Any] = {
        "external_ref": "application-1",
        "applicant_ref": "p-7",
        "metadata": "{}",
        "branch": "1",
    }
    form["image"] = files[0]
    ((name, value),) = second.items()
    values = [form.get(name), files[1] if value == 1 else value][::order]
    body = form | {name: [one for one in values if one is not None]}
    response = api.post(URL, body, headers={"Idempotency-Key": uuid4().hex})
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert not Submission.objects.exists()


def test_the_original_bytes_are_kept_untouched_and_private(api: Client) -> None:
    data = jpeg_bytes(seed=5)
    post(api, data)
    row = Submission.objects.get()
    with originals.open(row.image_key) as file:
        assert file.read() == data
    path = originals.path(row.image_key)
    import os

    assert os.stat(path).st_mode & 0o077 == 0
    assert os.stat(os.path.dirname(path)).st_mode & 0o077 == 0


def test_every_acceptance_is_in_the_audit_log(api: Client) -> None:
    post(api)
    assert Event.objects.filter(action="submission.received", actor_name="mobile-app").count() == 1


@pytest.mark.parametrize(
    ("data", "name", "status"),
    [
        (b"", "selfie.jpg", 400),
        (b"this is no image at all, only text", "selfie.jpg", 415),
        (jpeg_bytes()[:200], "selfie.jpg", 422),
        (b"\xff" * 25_000_001, "selfie.jpg", 413),
        (b"\xff" * 25_200_001, "selfie.jpg", 413),
    ],
    ids=["empty", "text", "truncated before its pixels", "image too large", "request too large"],
)
def test_a_bad_image_is_refused_with_a_reason_and_nothing_is_stored(
    api: Client, data: bytes, name: str, status: int
) -> None:
    response = post(api, data, name)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert len(response.json()["detail"]) > 10
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("data", "name", "facts"),
    [
        (jpeg_bytes(), "selfie.jpg", {}),
        (jpeg_bytes()[:-200], "selfie.jpg", {"damage": "ends_early"}),
        (jpeg_bytes()[:-200] + b"\xff\xd9", "selfie.jpg", {"damage": "missing_pixels"}),
        (
            jpeg_bytes() + b"PK\x03\x04 an archive",
            "selfie.jpg",
            {"trailing": [{"kind": "unknown", "size_bytes": 15}]},
        ),
        (jpeg_bytes(), "selfie.heic", {"declared": {"extension": "heic"}}),
        (jpeg_bytes(), "selfie.2026-11-26", {}),
        (jpeg_bytes(), "photo.jpg?w=300", {}),
    ],
    ids=["plain", "cut off", "cut off, with an end marker", "trailing", "extension", "date", "query"],
)
def test_an_odd_file_is_accepted_and_its_facts_are_kept(
    api: Client, data: bytes, name: str, facts: dict[str, Any]
) -> None:
    response = post(api, data, name)
    assert response.status_code == 202, response.content
    plain: dict[str, Any] = {"trailing": [], "damage": None, "declared": None}
    assert Submission.objects.get().file_facts == plain | facts


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"external_ref": ""}, "#/external_ref"),
        ({"external_ref": "x" * 201}, "#/external_ref"),
        ({"metadata": "{"}, "#/metadata"),
        ({"metadata": "[1]"}, "#/metadata"),
        ({"metadata": '{"a": "\\u0000"}'}, "#/metadata"),
        ({"metadata": '{"a": NaN}'}, "#/metadata"),
        ({"metadata": '{"a": "' + "x" * 9000 + '"}'}, "#/metadata"),
        ({"metadata": "[" * 7000}, "#/metadata"),
    ],
)
def test_a_bad_field_is_named(api: Client, fields: dict[str, Any], pointer: str) -> None:
    response = post(api, **fields)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_missing_image_is_named(api: Client) -> None:
    response = api.post(URL, {"external_ref": "application-1"}, headers={"Idempotency-Key": "a"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "#/image"


def test_other_than_a_form_or_json_is_not_accepted(api: Client) -> None:
    once = {"Idempotency-Key": "a"}
    assert api.post(URL, "external_ref=x", content_type="text/plain", headers=once).status_code == 415


def test_an_integration_cannot_read_anothers_submission(api: Client) -> None:
    location = post(api)["Location"]
    other = accounts.integration_create(slug="other", name="Other")
    key = accounts.key_create(integration=other)[1]
    assert Client().get(location, headers={"Authorization": f"Bearer {key}"}).status_code == 404


def test_a_session_of_staff_is_no_key(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert post(client).status_code == 401


def test_an_unknown_address_below_the_api_is_a_problem_document(api: Client) -> None:
    response = api.get("/api/v1/nothing")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_a_broker_that_is_away_does_not_refuse_a_selfie(
    api: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    away = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr("kyc_review.core.wake.client", lambda: away)
    assert post(api).status_code == 202
    assert Submission.objects.get().state == State.RECEIVED


def test_a_failed_insert_leaves_no_file(
    api: Client, monkeypatch: pytest.MonkeyPatch, private_data: Path
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr("kyc_review.submissions.intake.insert", fail)
    api.raise_request_exception = False
    response = post(api)
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert not Submission.objects.exists()
    assert list(private_data.rglob("*.jpeg")) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [({"image": "selfie.jpg"}, "image=@selfie.jpg"), ({"metadata": "x"}, "Send a JSON object")],
)
def test_a_form_with_a_usual_mistake_is_told_what_to_send(
    api: Client, more: dict[str, Any], said: str
) -> None:
    form = {"image": SimpleUploadedFile("x.jpg", jpeg_bytes()), "external_ref": "a"} | more
    response = api.post(URL, form, headers={"Idempotency-Key": "k"})
    assert response.status_code == 400
    assert said in response.json()["errors"][0]["detail"]
