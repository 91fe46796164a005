"""Streaming clients send no Content-Length: their bodies are read, up to the limit, and only with a key."""

import http.client
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from kyc_review.demo.client import multipart
from kyc_review.submissions.models import Submission
from tests.factories.pictures import jpeg_bytes


def sent_in_chunks(
    server: str, path: str, body: Iterator[bytes], headers: dict[str, str]
) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=30)
    # The server may answer and close before it has read everything.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", f"/api/v1{path}", body, headers, encode_chunked=True)
    answer = connection.getresponse()
    found = answer.status, json.load(answer)
    connection.close()
    return found


def parts(body: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_bodies_in_chunks_are_read_up_to_the_limit(server: str, live_key: str, tmp_path: Path) -> None:
    image = tmp_path / "selfie.jpg"
    image.write_bytes(jpeg_bytes(600, 600))
    form, content_type = multipart(image, {"external_ref": "application-1"})
    headers = {"Content-Type": content_type, "Transfer-Encoding": "chunked", "Idempotency-Key": "one"}
    status, refused = sent_in_chunks(server, "/submissions", parts(form), headers)
    assert (status, refused["code"]) == (401, "not_authenticated")

    headers |= {"Authorization": f"Bearer {live_key}"}
    status, created = sent_in_chunks(server, "/submissions", parts(form), headers)
    assert (status, created["external_ref"]) == (202, "application-1")

    # The same reported as JSON: a small body, and one of which the whole is never read.
    path = f"/submissions/{created['id']}/outcome"
    headers |= {"Content-Type": "application/json", "Idempotency-Key": "two"}
    status, problem = sent_in_chunks(server, path, parts(b'{"outcome": "confirmed_fraud"}', 7), headers)
    assert (status, problem["code"]) == (409, "not_completed")
    endless = (b"[" + b" " * 999_999 for _ in range(60))
    status, problem = sent_in_chunks(server, path, endless, headers)
    assert (status, problem["code"]) == (413, "too_many_bytes")
    assert Submission.objects.get().external_ref == "application-1"
