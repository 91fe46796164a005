"""HTTP as clients speak it: unknown names, nulls, Accept, HEAD, spellings of addresses, references, metadata."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from kyc_review.submissions.models import Submission
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


def post_json(api: Client, **fields: Any) -> ClientResponse:
    return post_text(api, json.dumps(required_fields() | fields))


def post_text(api: Client, body: str) -> ClientResponse:
    return api.post(URL, body, content_type="application/json", headers={"Idempotency-Key": uuid4().hex})


def required_fields() -> dict[str, str]:
    return {"image": base64.b64encode(jpeg_bytes()).decode(), "external_ref": "application-1"}


def errors(response: ClientResponse) -> list[dict[str, str]]:
    assert response.status_code == 400, response.content
    return [{name: one[name] for name in one if name != "detail"} for one in response.json()["errors"]]


@pytest.mark.parametrize(
    "query",
    [
        "extrenal_ref=x",
        "status=completed&status=cancelled",
        "limit=0",
        "limit=",
        "external_ref=",
        "applicant_ref=",
        "status=",
        "received_from=",
        "after=",
        "after=x",
        "after=00000000-0000-4000-8000-000000000000",
    ],
)
def test_a_query_that_cannot_be_followed_is_refused_with_the_parameters_name(api: Client, query: str) -> None:
    name = query.partition("=")[0]
    assert errors(api.get(f"{URL}?{query}")) == [{"parameter": name}]


def test_text_that_is_not_utf8_is_refused_for_it_would_make_one_person_of_two(api: Client) -> None:
    picture = jpeg_bytes()
    for field in ("external_ref", "applicant_ref", "metadata"):
        texts = {"external_ref": b"x", "applicant_ref": b"x", "metadata": b'{"name": "x"}'}
        texts[field] = texts[field].replace(b"x", b"M\xfcller")
        parts = [b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text)
                 for name, text in texts.items()]  # fmt: skip
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        body = b"".join(parts) + head + picture + b"\r\n--b--\r\n"
        answer = api.generic(
            "POST", URL, body, "multipart/form-data; boundary=b", headers={"Idempotency-Key": field}
        )
        assert errors(answer) == [{"pointer": f"#/{field}"}]
    assert not Submission.objects.exists()
    assert api.get(f"{URL}?applicant_ref=M%FCller").status_code == 400
    assert api.get(f"{URL}?applicant_ref=M%C3%BCller").status_code == 200


@pytest.mark.parametrize("key", ["kA,kB", "kA, kB", "a" * 256])
def test_a_key_that_cannot_be_told_from_two_headers_is_refused(api: Client, key: str) -> None:
    answer = api.post(
        f"{URL}/json", required_fields(), content_type="application/json", HTTP_IDEMPOTENCY_KEY=key
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_every_unknown_parameter_is_named_also_where_none_is_taken(
    api: Client, submit: Callable[..., Submission]
) -> None:
    response = api.post(f"{URL}/{submit().pk}/cancel?reason=x&force=1")
    assert errors(response) == [{"parameter": "reason"}, {"parameter": "force"}]
    assert Submission.objects.get().state == "received"


def test_unknown_fields_are_refused_with_their_names(api: Client) -> None:
    wrong = {"applicant": "p-77", "externalref": "x"}
    found = [{"pointer": "#/applicant"}, {"pointer": "#/externalref"}]
    assert errors(post_json(api, **wrong)) == found
    form = {"image": SimpleUploadedFile("x.jpg", jpeg_bytes(), "image/jpeg"), "external_ref": "x"} | wrong
    assert errors(api.post(URL, form, headers={"Idempotency-Key": "k"})) == found
    assert not Submission.objects.exists()


def test_an_unknown_field_is_named_together_with_a_missing_one(api: Client) -> None:
    body = json.dumps({"image": required_fields()["image"], "externalref": "x"})
    assert errors(post_text(api, body)) == [{"pointer": "#/external_ref"}, {"pointer": "#/externalref"}]


def test_null_is_the_same_as_leaving_an_optional_field_out(api: Client) -> None:
    response = post_json(api, applicant_ref=None, metadata=None, reference_image=None)
    assert response.status_code == 202, response.content
    assert (response.json()["applicant_ref"], response.json()["metadata"]) == ("", {})
    assert errors(post_json(api, external_ref=None)) == [{"pointer": "#/external_ref"}]


@pytest.mark.parametrize("accept", ["application/problem+json", "text/html", "image/png;q=1", "", "nonsense"])
def test_accept_changes_nothing(api: Client, accept: str) -> None:
    response = api.get(URL, headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    refused = api.get(f"{URL}?limit=0", headers={"Accept": accept})
    assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/problem+json")


def test_head_answers_like_get_and_options_names_the_methods(
    api: Client, submit: Callable[..., Submission]
) -> None:
    url = f"{URL}/{submit().pk}"
    head, get = api.head(url), api.get(url)
    assert (head.status_code, head.headers["ETag"], head.content) == (200, get.headers["ETag"], b"")
    options = api.options(url)
    assert (options.status_code, options.content) == (204, b"")
    assert set(options.headers["Allow"].split(", ")) == {"GET", "DELETE", "HEAD", "OPTIONS"}


def test_head_and_options_need_a_key(client: Client, submit: Callable[..., Submission]) -> None:
    url = f"{URL}/{submit().pk}"
    assert (client.head(url).status_code, client.options(url).status_code) == (401, 401)


def test_a_slash_at_the_end_and_capitals_find_the_resource(
    api: Client, submit: Callable[..., Submission]
) -> None:
    pk = str(submit().pk)
    for path in (f"{URL}/{pk.upper()}", f"{URL}/{pk}/", f"{URL}/{pk.upper()}/"):
        assert api.get(path).json()["id"] == pk
    assert api.get(f"{URL}/").status_code == 200
    assert api.post(f"{URL}/{pk.upper()}/cancel/").json()["status"] == "cancelled"


def test_two_spellings_of_one_text_are_one_reference(api: Client) -> None:
    composed, decomposed = "Jos\u00e9", "Jose\u0301"
    assert post_json(api, external_ref=decomposed).json()["external_ref"] == composed
    for spelling in (composed, decomposed):
        assert len(api.get(URL, {"external_ref": spelling}).json()["data"]) == 1


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\x07", "\u2028", "\u00ad"]
)
@pytest.mark.parametrize("field", ["external_ref", "applicant_ref"])
def test_a_reference_that_is_read_otherwise_than_written_is_refused(
    api: Client, character: str, field: str
) -> None:
    response = post_json(api, **{field: f"a{character}gnp"})
    assert errors(response) == [{"pointer": f"#/{field}"}]
    assert f"U+{ord(character):04X}" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "reference",
    [
        "\u0637\u0644\u0628-\u0667",
        "\u05d1\u05e7 7",
        "\u0645\u06cc\u200c\u062e",
        "\u0915\u094d\u200d\u0937",
        "\U0001f464-1",
    ],
)
def test_references_of_every_script_are_kept(api: Client, reference: str) -> None:
    assert post_json(api, external_ref=reference).json()["external_ref"] == reference


def test_metadata_comes_back_equal(api: Client) -> None:
    numbers, texts = "[1e22, -0.0, 0.1, 12345678901234567890]", r'{"\\u0000": "\\u0000", "": "\ud83d\ude00"}'
    text = f'{{"b": {numbers}, "a": [null, true, {texts}]}}'
    body = json.dumps(required_fields())[:-1] + f', "metadata": {text}}}'
    posted = post_text(api, body)
    assert posted.status_code == 202, posted.content
    read = api.get(f"{URL}/{posted.json()['id']}")
    assert posted.json()["metadata"] == read.json()["metadata"] == json.loads(text)


@pytest.mark.parametrize("value", ["12345678901234567890.5", "1e400", '"\\u0000"', '{"\\u0000": 1}', "NaN"])
@pytest.mark.parametrize("is_form", [True, False])
def test_metadata_that_would_come_back_otherwise_is_refused(api: Client, value: str, is_form: bool) -> None:
    text = f'{{"x": {value}}}'
    if is_form:
        image = SimpleUploadedFile("x.jpg", jpeg_bytes(), "image/jpeg")
        form = {"image": image, "external_ref": "x", "metadata": text}
        response: ClientResponse = api.post(URL, form, headers={"Idempotency-Key": "k"})
    else:
        response = post_text(api, json.dumps(required_fields())[:-1] + f', "metadata": {text}}}')
    assert response.status_code == 400, response.content
    assert not Submission.objects.exists()
