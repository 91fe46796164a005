import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver

from kyc_review.accounts.models import User
from kyc_review.core import logs
from kyc_review.core.errors import DomainError
from kyc_review.core.problem_types import BY_SLUG, TYPES
from kyc_review.submissions.models import Submission

ROOT = Path(__file__).resolve().parents[3]
URL = "/api/v1/submissions"


def subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


def test_every_code_in_the_source_is_explained_at_the_address_of_its_type() -> None:
    assert get_resolver().url_patterns  # imports every service that a view calls
    source = "\n".join(
        path.read_text() for folder in ("kyc_review", "detection") for path in (ROOT / folder).rglob("*.py")
    )
    used = set(re.findall(r'Problem\(\s*status=\d+,\s*code="(\w+)"', source))
    used |= set(re.findall(r'_answer\(\s*\d+,\s*"(\w+)"', source))
    used |= {error.code for error in subclasses(DomainError) if error.code}
    used |= set(re.findall(r'ImageRefused\(\s*"(\w+)"', source))
    assert len(used) > 15
    assert used - {kind.code for kind in TYPES} == set()


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["not-found", "throttled"])
def test_a_type_leads_to_a_page_that_strangers_can_read(client: Client, slug: str) -> None:
    page = client.get(f"/docs/problems/{slug}")
    assert page.status_code == 200
    assert BY_SLUG[slug].meaning.encode() in page.content
    assert client.get("/docs/problems/").status_code == 200
    assert client.get("/docs/problems/nonsense").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("PUT", URL, 405),
        ("GET", f"{URL}/0b6e5a52-6f0c-4f1e-9d43-6f1f2f1f7a10", 404),
        ("PUT", "/api/v1/webhook-endpoints", 405),
    ],
)
def test_every_refusal_is_a_problem_with_a_type_that_resolves_and_the_requests_id(
    api: Client, method: str, path: str, status: int
) -> None:
    response = api.generic(method, path, headers={"X-Request-ID": "onboarding-4711"})
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    body = response.json()
    assert body["request_id"] == response["X-Request-ID"] == "onboarding-4711"
    assert api.get(body["type"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{URL}/abc", "`abc` is not a UUID"),
        (f"{URL}/abc/cancel", "`abc` is not a UUID"),
        ("/api/v1/webhook-endpoints/%00%ff/secret/", "is not a UUID"),
        ("/api/v1/retraining/runs/abc", "`abc` is not a number"),
        (f"{URL}/abc/nothing", "There is no such address"),
        ("/api/v1/nothing", "There is no such address"),
    ],
)
def test_a_malformed_id_is_told_from_an_address_that_does_not_exist(
    client: Client, path: str, said: str
) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert said in response.json()["detail"]


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_a_problem_below_the_api_only(api: Client) -> None:
    response = api.get(URL, headers={"Host": "evil.example"})
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert api.get("/login/", headers={"Host": "evil.example"})["Content-Type"].startswith("text/html")


@pytest.mark.django_db
def test_a_database_that_went_away_is_a_503_that_asks_for_a_repetition(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("kyc_review.submissions.api.views.found", away)
    response = api.get(f"{URL}/0b6e5a52-6f0c-4f1e-9d43-6f1f2f1f7a10")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response.json()["code"] == "unavailable"
    assert not Submission.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/review/", "text/html; charset=utf-8"), (URL, "application/problem+json")],
)
def test_a_database_that_goes_away_under_a_middleware_or_a_page_is_a_503_too(
    client: Client, staff: Callable[..., User], monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    """Sessions and rights are read before a view begins, where no handler of the API is in between."""

    def away(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    client.force_login(staff("alice", "reviewer"))
    client.raise_request_exception = False
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
    answer = client.get(path)
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "2", kind)
    monkeypatch.undo()
    monkeypatch.setattr("kyc_review.workbench.queue_views.queue_context", away)
    assert client.get("/review/").status_code == 503


@pytest.mark.django_db
def test_nested_fields_are_pointed_at(api: Client) -> None:
    response = api.post(
        "/api/v1/webhook-endpoints",
        json.dumps({"url": "https://example.com/", "events": ["submission.cleared", "nonsense"]}),
        content_type="application/json",
    )
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/events/1"]


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 101, "two words here", "line\nbreak-line", 'quote"quote"']
)
def test_an_id_that_could_forge_a_log_line_is_replaced(client: Client, sent: str) -> None:
    answered = client.get("/livez", headers={"X-Request-ID": sent})["X-Request-ID"]
    assert answered != sent
    assert re.fullmatch(r"[0-9a-f]{32}", answered)


def test_the_id_is_in_every_log_line_of_its_request(client: Client) -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Kept()
    handler.setFormatter(logs.formatter("json"))
    logger = logging.getLogger("kyc_review.requests")
    logger.addHandler(handler)
    level, logger.level = logger.level, logging.INFO
    try:
        client.get("/docs/problems/not-found", headers={"X-Request-ID": "onboarding-4711"})
    finally:
        logger.removeHandler(handler)
        logger.level = level
    line = json.loads(lines[0])
    assert line["request_id"] == "onboarding-4711"
    assert (line["status"], line["level"], line["event"]) == (
        200,
        "info",
        "GET /docs/problems/not-found 200",
    )
    assert line["elapsed_ms"] > 0


def test_text_lines_are_readable_and_keep_their_traces() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.LogRecord(
            "kyc_review.x", logging.ERROR, "f.py", 1, "it %s", ("failed",), sys.exc_info()
        )
    text = logs.formatter("text").format(record)
    assert " ERROR kyc_review.x: it failed" in text.splitlines()[0]
    assert "ValueError: broken" in text
    with pytest.raises(ValueError, match="LOG_FORMAT"):
        logs.formatter("xml")
