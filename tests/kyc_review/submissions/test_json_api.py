"""Submissions as JSON, one and in batches: what is accepted, and what could not come back as it was sent."""

import base64
import json
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from kyc_review.submissions.models import Submission
from tests.factories.image_files import saved
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


def send(client: Client, path: str, body: Any, key: str | None = None) -> ClientResponse:
    once = {"Idempotency-Key": key or uuid4().hex}
    return client.post(f"{URL}{path}", body, content_type="application/json", headers=once)


def as_json(seed: int = 0, **more: Any) -> dict[str, Any]:
    image = base64.b64encode(jpeg_bytes(seed=seed)).decode()
    return {"image": image, "external_ref": f"application-{seed}"} | more


def test_json_with_base64_is_the_same_submission_as_a_form(api: Client) -> None:
    response = send(api, "", as_json(metadata={"branch": "12"}), key="k")
    assert response.status_code == 202, response.content
    assert response.json()["metadata"] == {"branch": "12"}
    from django.core.files.uploadedfile import SimpleUploadedFile

    image = SimpleUploadedFile("x.jpg", jpeg_bytes(), content_type="image/jpeg")
    form = {"image": image, "external_ref": "application-0", "metadata": '{"branch": "12"}'}
    again = api.post(URL, form, headers={"Idempotency-Key": "k"})
    assert again.content == response.content


@pytest.mark.parametrize("name", ["image", "external_ref", "metadata", "branch"])
@pytest.mark.parametrize("path", ["", "/batch"])
def test_json_that_gives_a_name_twice_is_refused(api: Client, name: str, path: str) -> None:
    """Of two pictures, a gateway could have looked at the other one."""
    one = json.dumps(as_json(metadata={"branch": "1"}, branch="1"))
    other = json.dumps({name: as_json(seed=1, metadata={}, branch="2")[name]})
    body = f"{one[:-1]}, {other[1:]}"
    response = send(api, path, f'{{"submissions": [{body}]}}' if path else body)
    assert response.status_code == 400
    assert f"'{name}' more than once" in response.json()["detail"]
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("more", "status", "pointer"),
    [
        ({"image": "no base64!"}, 400, "#/image"),
        ({"image": "data:image/jpeg;base64,AAAA"}, 400, "#/image"),
        ({"image": "AAAA"}, 415, "#/image"),
        ({"metadata": [1]}, 400, "#/metadata"),
        ({"metadata": {"a": "\u0000"}}, 400, "#/metadata"),
        ({"external_ref": 7, "metadata": {"a": "x" * 9000}}, 400, "#/metadata"),
    ],
)
def test_bad_json_fields_are_named(api: Client, more: dict[str, Any], status: int, pointer: str) -> None:
    response = send(api, "", as_json() | more)
    assert response.status_code == status, response.content
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("body", ["{", "[" * 100_000, "null", "[]", '{"external_ref": "\\ud800"}', "7"])
def test_nonsense_in_json_is_refused(api: Client, body: str) -> None:
    assert send(api, "", body).status_code == 400
    assert send(api, "/batch", body).status_code == 400


def test_a_batch_accepts_each_by_itself_and_is_replayed_as_a_whole(api: Client) -> None:
    items = [as_json(0), as_json(1, image="AAAA"), as_json(2, external_ref=""), "nonsense", as_json(3)]
    items[3] = {}
    body = {"submissions": items}
    response = send(api, "/batch", body, key="b")
    assert response.status_code == 202, response.content
    results = response.json()["results"]
    assert [one["status"] for one in results] == [202, 415, 400, 400, 202]
    assert [one["index"] for one in results] == [0, 1, 2, 3, 4]
    assert results[1]["problem"]["errors"][0]["pointer"] == "#/image"
    assert results[4]["submission"]["external_ref"] == "application-3"
    again = send(api, "/batch", body, key="b")
    assert (again.content, again["Idempotent-Replayed"]) == (response.content, "true")
    assert Submission.objects.count() == 2


@pytest.mark.parametrize("odd", [5, "text", None, True, [1], 1.5, {"image": 5}])
def test_an_entry_that_is_no_submission_is_refused_alone(api: Client, odd: object) -> None:
    response = send(api, "/batch", {"submissions": [odd, as_json()]})
    assert response.status_code == 202, response.content
    results = response.json()["results"]
    assert [one["status"] for one in results] == [400, 202]
    assert results[0]["problem"]["detail"]


@pytest.mark.parametrize("number", [0, 51])
def test_a_batch_has_one_to_fifty(api: Client, number: int) -> None:
    response = send(api, "/batch", {"submissions": [{}] * number})
    assert response.status_code == 400
    assert not Submission.objects.exists()


def test_a_large_json_body_is_refused_before_it_is_read(api: Client, settings: LazySettings) -> None:
    answer = send(api, "", '"' + "A" * settings.JSON_MAX_BYTES + '"')
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_bytes")


@pytest.mark.parametrize("path", ["/json", "/batch"])
def test_a_picture_of_some_megabytes_is_accepted_as_json(api: Client, path: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1100, 1100, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "PNG")
    assert len(data) > 3_500_000
    body: dict[str, Any] = {"image": base64.b64encode(data).decode(), "external_ref": "large"}
    answer = send(api, path, {"submissions": [body]} if path == "/batch" else body, key="large")
    assert answer.status_code == 202, answer.content[:500]
    (row,) = Submission.objects.all()
    assert row.size_bytes == len(data)


@pytest.mark.parametrize(
    "odd",
    [
        '{"\\ud800": 1}',
        '{"metadata": {"a": "\\udfff"}}',
        '{"metadata": {"\\ud800": 1}}',
        '{"metadata": {"a": 1e-999999999999999999999}}',
        '{"metadata": {"a": 0e999999999999999999999}}',
        '{"metadata": {"a": ' + "[" * 905 + "1" + "]" * 905 + "}}",
        '{"metadata": {"a": [], "b": ' + '{"c":' * 102 + "1" + "}" * 102 + "}}",
    ],
    ids=lambda text: text[:40],
)
def test_json_that_cannot_come_back_as_it_was_sent_is_refused(api: Client, odd: str) -> None:
    for path in ("/json", "/batch"):
        answer = api.post(
            f"{URL}{path}", odd, content_type="application/json", headers={"Idempotency-Key": "o"}
        )
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), (
            answer.content
        )
    form = {"image": SimpleUploadedFile("a.jpg", b"x"), "external_ref": "x", "metadata": odd}
    assert api.post(URL, form, headers={"Idempotency-Key": "o"}).status_code == 400


@pytest.mark.parametrize("charset", ["rot13", "hex", "zlib", "utf-16", "nonsense"])
def test_another_charset_than_utf8_is_refused(api: Client, charset: str) -> None:
    for kind, body in (("application/json", b"{}"), ("multipart/form-data; boundary=b", b"--b--")):
        answer = api.generic("POST", f"{URL}/json", body, f"{kind}; charset={charset}")
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert api.post(f"{URL}/json", b"{}", content_type='application/json; charset="UTF-8"').status_code == 400
    page = Client().generic(
        "POST", "/login/", b"username=a", f"application/x-www-form-urlencoded; charset={charset}"
    )
    assert page.status_code in (200, 403)
