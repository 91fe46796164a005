"""A real web process, and a database whose processes are stopped although their kernel acknowledges everything."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from kyc_review.demo.client import multipart
from kyc_review.submissions.models import Submission
from tests.factories.frozen import frozen_backends
from tests.factories.pictures import jpeg_bytes

THREADS = 16  # of the web process


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the fixture `server`, which takes the environment."""
    monkeypatch.setenv("REQUEST_STATEMENT_WAIT_S", "1")


def answer_to(request: Request) -> tuple[int, dict, str | None]:
    """Status, body and Retry-After."""
    try:
        with urlopen(request, timeout=100) as answer:
            return answer.status, json.load(answer), None
    except HTTPError as refused:
        return refused.code, json.load(refused), refused.headers["Retry-After"]


def test_requests_on_kept_connections_are_answered_503_and_nothing_is_lost_or_doubled(
    short_limit: None, server: str, live_key: str, tmp_path: Path
) -> None:
    image = tmp_path / "selfie.jpg"
    image.write_bytes(jpeg_bytes(600, 600))
    key = {"Authorization": f"Bearer {live_key}"}

    def post(number: int) -> tuple[int, dict, str | None]:
        body, content_type = multipart(image, {"external_ref": f"application-{number}"})
        headers = key | {"Content-Type": content_type, "Idempotency-Key": str(number)}
        return answer_to(Request(f"{server}/api/v1/submissions", body, headers))

    def at_once(ask: Callable[[int], tuple[int, dict, str | None]]) -> list[tuple[int, dict, str | None]]:
        return list(clients.map(ask, range(THREADS)))

    with ThreadPoolExecutor(THREADS) as clients:
        for _ in range(3):  # threads get connections, which they keep
            at_once(lambda _: answer_to(Request(f"{server}/api/v1/me", headers=key)))
        with frozen_backends() as frozen:
            assert frozen
            first = at_once(post)
            probe = answer_to(Request(f"{server}/readyz/web"))
        refused = [(status, retry_after) for status, _, retry_after in first if status != 202]
        assert refused
        assert set(refused) == {(503, "2")}
        assert probe[1]["checks"]["database"] == "ok", "threads have connected again"
        ends, second = time.monotonic() + 60, at_once(post)
        while {status for status, _, _ in second} != {202}:
            assert time.monotonic() < ends, second
            second = at_once(post)
    told = {(number, body["id"]) for number, (_, body, _) in enumerate(second)}
    stored = {(int(row.external_ref[12:]), str(row.pk)) for row in Submission.objects.all()}
    assert told == stored
    assert {(number, body["id"]) for number, (status, body, _) in enumerate(first) if status == 202} <= told
