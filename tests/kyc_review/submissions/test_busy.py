"""A post waits for a decoder outside every transaction, for a second, and is then told when to come again."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from detection.decoding import limits
from detection.decoding import pool as pools
from kyc_review.accounts.models import IdempotencyRecord
from kyc_review.submissions.models import Submission
from tests.factories.image_files import face, saved
from tests.factories.responses import ClientResponse

URL = "/api/v1/submissions"
SMALL = saved(face(), "JPEG")
LARGE = saved(Image.new("RGB", (7000, 7000)), "WEBP", lossless=True)


@pytest.fixture
def one_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_limits", replace(limits.current(), processes=1, wait_s=0.4, waiting=2))


@pytest.fixture
def only_decoder_is_taken(one_decoder: None) -> Iterator[None]:
    with pools.pool(limits.current())._place(is_large=True, queue=pools.Queueing(1, 1)):
        yield
    pools.close()


def post(api: Client, data: bytes = SMALL, key: str = "k") -> ClientResponse:
    image = SimpleUploadedFile("selfie.jpg", data)
    return api.post(URL, {"image": image, "external_ref": "a"}, headers={"Idempotency-Key": key})


def assert_busy(answer: ClientResponse) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "busy"), answer.content
    assert int(answer["Retry-After"]) >= 1
    assert not Submission.objects.exists()
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
def test_a_post_that_finds_no_decoder_is_answered_503_with_retry_after(
    api: Client, only_decoder_is_taken: None
) -> None:
    began = time.monotonic()
    assert_busy(post(api))
    assert time.monotonic() - began >= 0.4


@pytest.mark.django_db
def test_a_batch_that_finds_no_decoder_keeps_no_answer_and_can_be_repeated(api: Client) -> None:
    text = base64.b64encode(SMALL).decode()
    items = [{"image": text, "external_ref": "a"}, {"image": "AAAA", "external_ref": "b"}]

    def send() -> ClientResponse:
        body = json.dumps({"submissions": items})
        return api.post(
            f"{URL}/batch", body, content_type="application/json", headers={"Idempotency-Key": "batch"}
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_limits", replace(limits.current(), processes=1, wait_s=0.1))
        with pools.pool(limits.current())._place(is_large=True, queue=pools.Queueing(1, 1)):
            assert_busy(send())
    pools.close()
    results = send().json()["results"]
    assert [result["status"] for result in results] == [202, 415]
    assert Submission.objects.count() == 1


@pytest.mark.django_db
def test_what_was_accepted_before_is_answered_while_decoders_are_taken(api: Client) -> None:
    first = post(api)
    assert first.status_code == 202
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_limits", replace(limits.current(), processes=1, wait_s=0.1))
        with pools.pool(limits.current())._place(is_large=True, queue=pools.Queueing(1, 1)):
            again = post(api)
    pools.close()
    assert (again.status_code, again.content) == (202, first.content)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_and_no_connection_is_held_while_a_post_waits(
    api: Client, only_decoder_is_taken: None
) -> None:
    states: list[list[str]] = []
    answered = threading.Event()
    with connection.cursor() as cursor:  # what earlier tests' servers left open is not this post's
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        others = [pid for (pid,) in cursor.fetchall()]

    def watch() -> None:
        with connection.cursor() as cursor:
            while not answered.wait(0.02):
                cursor.execute(
                    "SELECT coalesce(state, '') FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)",
                    [others],
                )
                states.append([state for (state,) in cursor.fetchall()])
        connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = post(api)
    answered.set()
    watcher.join()
    assert answer.status_code == 503
    assert not [seen for seen in states if any(state.startswith("idle in") for state in seen)]
    assert [] in states, "the connection went back while the post waited"


@pytest.mark.django_db
def test_a_flood_of_small_files_with_many_pixels_costs_no_query(
    api: Client, one_decoder: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    pool = pools.pool(limits.current())
    waiting = threading.Thread(target=lambda: _wait_for_a_place(pool))
    with pool._place(is_large=True, queue=pools.Queueing(1, 1)):
        waiting.start()
        while not pool._waiting_large:
            time.sleep(0.01)
        with django_assert_num_queries(0):
            answer = post(api, LARGE, "flood")
            assert_busy_document(answer)
            assert_busy_document(Client().post(f"{URL}/", {"image": SimpleUploadedFile("a.webp", LARGE)}))
        # What is wrong for another reason hears that reason.
        without = api.post(URL, {"external_ref": "a"}, headers={"Idempotency-Key": "k"})
        torn = api.post(URL, b"--x", "multipart/form-data; boundary=x", headers={"Idempotency-Key": "k"})
    waiting.join()
    pools.close()
    assert (without.status_code, torn.status_code) == (400, 400)


def assert_busy_document(answer: ClientResponse) -> None:
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Content-Length"] == str(len(answer.content))
    found = answer.json()
    assert (found["code"], found["errors"][0]["pointer"]) == ("busy", "#/image")
    assert found["request_id"] == answer["X-Request-ID"]


def _wait_for_a_place(pool: pools.Pool) -> None:
    with pool._place(is_large=True, queue=pools.Queueing(60, 2)):
        pass


@pytest.mark.django_db
def test_limits_are_settings_and_the_refusal_names_the_number(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_limits", replace(limits.current(), max_pixels=3_000_000))
    buffer = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(buffer, "PNG")
    answer = post(api, buffer.getvalue())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_pixels")
    assert "3 megapixels" in answer.json()["detail"]
    pools.close()
