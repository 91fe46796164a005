"""clients/python against answers and messages that no server of ours sends."""

import json
import time
from typing import Any

import kyc_review_client as api
import pytest
from kyc_review_client import Client

from tests.factories.clients import SUBMISSION
from tests.factories.hostile_answers import (
    NO_EVENTS,
    NO_SECRETS,
    ODD_ERRORS,
    ODD_HEADERS,
    UNREADABLE,
    retry_after_date,
)
from tests.factories.scripted_server import ScriptedServer, Step
from tests.factories.webhook_messages import SECRET, message, signed


@pytest.mark.parametrize("step", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_2xx_is_a_lost_answer(scripted: ScriptedServer, step: Step) -> None:
    scripted.steps = [step, Step(202, SUBMISSION), step]
    with Client(scripted.url, "k", retries=1, longest_pause_s=0.01) as kyc:
        assert kyc.create_submission(b"p", external_ref="application-1").status == "in_review"
        first, second = (one.headers["idempotency-key"] for one in scripted.seen)
        assert first == second
        with pytest.raises(api.ConnectionFailed):
            kyc.cancel_submission(SUBMISSION["id"])  # has no key, so it is not repeated
    assert len(scripted.seen) == 3


@pytest.mark.parametrize(("step", "status"), ODD_ERRORS.values(), ids=ODD_ERRORS)
def test_every_error_is_one_of_the_package(scripted: ScriptedServer, step: Step, status: int) -> None:
    scripted.steps = [step]
    with Client(scripted.url, "k", retries=0) as kyc, pytest.raises(api.ApiError) as refused:
        kyc.me()
    assert (refused.value.status, refused.value.code) == (status, "unknown")


def test_a_page_of_a_proxy_is_neither_an_erasure_nor_a_picture_nor_a_list(scripted: ScriptedServer) -> None:
    circle = Step(200, {"data": [], "has_more": True, "next": "a"})
    scripted.steps = [UNREADABLE["html"], UNREADABLE["html"], circle, circle, Step(200, {"data": None})]
    with Client(scripted.url, "k", retries=0) as kyc:
        with pytest.raises(api.ConnectionFailed):
            kyc.erase_submission(SUBMISSION["id"])
        with pytest.raises(api.ConnectionFailed):
            kyc.image(SUBMISSION["id"])
        with pytest.raises(api.ConnectionFailed):
            list(kyc.submissions())
        with pytest.raises(api.ConnectionFailed):
            kyc.webhook_endpoints()
    assert scripted.steps == []


def test_a_retry_after_may_be_a_date(scripted: ScriptedServer) -> None:
    scripted.steps = [
        Step(429, {}, retry_after_date(3600)),
        Step(503, {}, retry_after_date(2)),
        Step(202, SUBMISSION),
    ]
    with Client(scripted.url, "k") as kyc:
        with pytest.raises(api.RateLimited) as limited:
            kyc.submission("1")
        assert limited.value.retry_after_s == pytest.approx(3600, abs=30)
        started = time.monotonic()
        kyc.submission("1")
        assert (
            time.monotonic() - started > 0.9
        )  # dates have no fractions, so up to a second of the two is gone


@pytest.mark.parametrize("part", ["headers", "body", "body with a length"])
def test_a_dripping_answer_ends_with_the_time_out(scripted: ScriptedServer, part: str) -> None:
    length = "Content-Length: 900\r\n" if part == "body with a length" else ""
    start = "HTTP/1.1 200 OK\r\n" + length + ("X-Long: " if part == "headers" else "\r\n")
    scripted.steps = [Step(raw=start.encode(), drip_s=3)]
    started = time.monotonic()
    with Client(scripted.url, "k", retries=0, timeout_s=0.2) as kyc:
        with pytest.raises(api.ConnectionFailed, match="no complete answer after"):
            kyc.me()
        assert time.monotonic() - started < 2
        scripted.steps = [
            Step(200, SUBMISSION)
        ] * 2  # the client goes on with another connection, and keeps it
        assert kyc.submission("1") == kyc.submission("1")


def test_the_server_may_hold_an_answer_longer_than_the_time_out(scripted: ScriptedServer) -> None:
    done = SUBMISSION | {"status": "completed"}
    scripted.steps = [Step(202, SUBMISSION, hold_s=0.4), Step(200, done, hold_s=0.4)]
    with Client(scripted.url, "k", retries=0, timeout_s=0.2) as kyc:
        posted = kyc.create_submission(b"p", external_ref="x", wait_s=2)
        assert kyc.wait_for_result(posted.id, timeout_s=3600).is_final
    assert scripted.seen[0].path.endswith("?wait=2")
    assert scripted.seen[1].path.endswith("?wait=10")


BODY = message()


@pytest.mark.parametrize("changed", ODD_HEADERS, ids=str)
def test_odd_headers_are_an_invalid_webhook(changed: dict[str, Any]) -> None:
    with pytest.raises(api.WebhookInvalid, match=r"headers|too old|signature"):
        api.verify_webhook(BODY.encode(), {**signed(BODY), **changed}, SECRET)


@pytest.mark.parametrize("body", NO_EVENTS, ids=lambda body: body[:12])
def test_a_signed_body_that_is_no_event_is_an_invalid_webhook(body: str) -> None:
    with pytest.raises(api.WebhookInvalid, match="no event"):
        api.verify_webhook(body.encode(), signed(body), SECRET)


@pytest.mark.parametrize("secret", NO_SECRETS)
def test_without_its_secret_no_message_is_valid(secret: str) -> None:
    """With an empty one, such as a setting that is absent, anybody could sign."""
    forged = json.dumps({"type": "submission.completed"})
    with pytest.raises(api.WebhookInvalid, match="secret"):
        api.verify_webhook(forged.encode(), signed(forged), secret)
