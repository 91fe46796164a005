"""JSON has an address of its own; the form's takes it too, which is deprecated."""

import base64
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
FORM, JSON = "/api/v1/submissions", "/api/v1/submissions/json"


def post(api: Client, url: str, key: str | None = None, **fields: Any) -> ClientResponse:
    body = {"image": base64.b64encode(jpeg_bytes()).decode(), "external_ref": "application-1"} | fields
    return api.post(
        url, body, content_type="application/json", headers={"Idempotency-Key": key or uuid4().hex}
    )


def test_json_is_accepted_and_its_address_is_not_deprecated(api: Client) -> None:
    created = post(api, JSON, metadata={"branch": "12"})
    assert created.status_code == 202
    assert created.json()["metadata"] == {"branch": "12"}
    assert created["Location"].endswith(created.json()["id"])
    assert "Deprecation" not in created
    refused = post(api, JSON, external_ref="")
    assert (refused.status_code, "Deprecation" in refused) == (400, False)


def test_the_json_address_takes_no_form(api: Client) -> None:
    form = {"image": SimpleUploadedFile("x.jpg", jpeg_bytes(), "image/jpeg"), "external_ref": "x"}
    refused = api.post(JSON, form, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")


def test_a_client_that_moves_to_the_new_address_repeats_its_request(api: Client) -> None:
    first, again = post(api, FORM, "k"), post(api, JSON, "k")
    assert first.json()["id"] == again.json()["id"]
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(("fields", "status"), [({}, 202), ({"external_ref": ""}, 400)])
def test_json_at_the_forms_address_says_until_when_it_works(
    api: Client, fields: dict[str, str], status: int
) -> None:
    answer = post(api, FORM, **fields)
    assert answer.status_code == status
    since = datetime.fromtimestamp(int(answer["Deprecation"].removeprefix("@")), tz=None).astimezone()
    assert parsedate_to_datetime(answer["Sunset"]) - since > timedelta(days=365)
    assert answer["Link"] == '<http://testserver/api/v1/submissions/json>; rel="successor-version"'


def test_a_form_and_a_list_are_not_deprecated(api: Client) -> None:
    form = {"image": SimpleUploadedFile("x.jpg", jpeg_bytes(), "image/jpeg"), "external_ref": "x"}
    for answer in (api.post(FORM, form, headers={"Idempotency-Key": "k"}), api.get(FORM)):
        assert answer.status_code in (200, 202)
        assert "Deprecation" not in answer
        assert "Sunset" not in answer
