"""clients/python: against the live server, against a server with a script, and as the wheel that is published."""

import dataclasses
import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import kyc_review_client as api
import pytest
import yaml
from kyc_review_client import Client, models

from devstack.paths import REPOSITORY
from tests.factories.clients import DOCUMENT, SUBMISSION, example, posted, run
from tests.factories.pictures import jpeg_bytes
from tests.factories.processes import free_port
from tests.factories.scripted_server import ScriptedServer, Step
from tests.factories.webhook_messages import OTHER_SECRET, SECRET, message, signed

HERE = REPOSITORY / "clients" / "python"


def test_the_wheel_is_built_and_the_readme_works_with_it(
    client_environment: Mapping[str, str], clockwork: None, tmp_path: Path
) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    run(
        [uv, "build", "--quiet", "--offline", "--wheel", "--out-dir", str(tmp_path / "dist"), str(HERE)],
        tmp_path,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run([uv, "pip", "install", "--quiet", "--no-deps", "--offline", "--target", "site", str(wheel)], tmp_path)
    assert (tmp_path / "site/kyc_review_client/py.typed").exists()
    told = {
        "PYTHONPATH": str(tmp_path / "site"),
        "KYC_URL": client_environment["SERVER"],
        "KYC_KEY": client_environment["KEY"],
    }
    out = run([sys.executable, "-c", example(HERE / "README.md", 0, "python")], tmp_path, told)
    assert out == "clear reviewer_found_genuine"


def test_everything_an_integrator_does(client_environment: Mapping[str, str]) -> None:
    picture = Path(client_environment["PICTURE"])
    with Client(client_environment["SERVER"], client_environment["KEY"]) as kyc:
        assert kyc.me().test
        posted = [
            kyc.create_submission(picture, external_ref="by-path", metadata={"branch": "12"}),
            kyc.create_submission(picture.read_bytes(), external_ref="by-bytes", applicant_ref="p-77"),
            kyc.create_submission(
                io.BytesIO(jpeg_bytes(500, 500)), external_ref="by-stream", reference_image=picture
            ),
        ]
        assert posted[0].metadata == {"branch": "12"}
        assert posted[2].reference_sha256 == posted[0].sha256
        assert [one.external_ref for one in kyc.submissions()] == ["by-stream", "by-bytes", "by-path"]
        assert [
            one.id for one in kyc.submissions(applicant_ref="p-77", received_from=posted[0].received_at)
        ] == [posted[1].id]
        assert kyc.cancel_submission(posted[0].id).status == "cancelled"
        assert kyc.wait_for_result(posted[0].id).status == "cancelled"
        with pytest.raises(api.WaitTimeout):
            kyc.wait_for_result(posted[1].id, timeout_s=0.2)
        with pytest.raises(api.NotFound, match="not_found"):
            kyc.outcome(posted[1].id)
        with pytest.raises(api.Conflict) as early:
            kyc.report_outcome(posted[1].id, "confirmed_fraud")
        assert early.value.code == "not_completed"
        with pytest.raises(api.InvalidRequest) as wrong:
            kyc.create_submission(b"no picture", external_ref="x")
        assert (wrong.value.status, wrong.value.errors[0].pointer) == (415, "#/image")
        endpoint = kyc.create_webhook_endpoint(
            client_environment["RECEIVER"], events=["submission.completed"]
        )
        assert endpoint.secret is not None
        assert endpoint.secret not in repr(endpoint)
        kyc.send_test_webhook(endpoint.id)
        assert [one.event for one in kyc.webhook_deliveries(endpoint.id)] == ["webhook.test"]
        paused = kyc.update_webhook_endpoint(endpoint.id, active=False)
        assert (paused.active, kyc.webhook_endpoint(endpoint.id)) == (False, paused)
        (delivery,) = kyc.webhook_deliveries(endpoint.id)
        assert kyc.webhook_delivery(delivery.id) == delivery
        with pytest.raises(api.Conflict, match="not_replayable"):
            kyc.replay_webhook_delivery(delivery.id)
        kyc.delete_webhook_endpoint(endpoint.id)
        assert kyc.webhook_endpoints() == []
    with Client(client_environment["SERVER"], "kyc_test_no") as stranger, pytest.raises(api.NotAuthenticated):
        stranger.me()


def test_a_create_is_repeated_with_its_key_and_its_picture(scripted: ScriptedServer) -> None:
    in_flight = {"code": "idempotency_key_in_flight"}
    scripted.steps = [
        Step(is_lost=True),
        Step(409, in_flight, {"Retry-After": "0"}),
        Step(503, {}, {"Retry-After": "0"}),
        Step(429, {}, {"Retry-After": "0"}),
        Step(202, SUBMISSION),
    ]
    with Client(scripted.url, "k") as kyc:
        assert kyc.create_submission(b"picture", external_ref="application-1").status == "in_review"
    assert len({one.headers["idempotency-key"] for one in scripted.seen}) == 1
    assert len({one.body for one in scripted.seen}) == 1
    assert len(scripted.seen) == 5


def test_what_may_have_happened_is_not_repeated_without_a_key(scripted: ScriptedServer) -> None:
    with Client(scripted.url, "k") as kyc:
        scripted.steps = [Step(is_lost=True)]
        with pytest.raises(api.ConnectionFailed):
            kyc.send_test_webhook("1")
        scripted.steps = [Step(500, {"code": "internal_error"})]
        with pytest.raises(api.Unavailable, match="internal_error"):
            kyc.cancel_submission(SUBMISSION["id"])
    assert len(scripted.seen) == 2


def test_a_long_retry_after_is_raised(scripted: ScriptedServer) -> None:
    scripted.steps = [Step(429, {"code": "throttled"}, {"Retry-After": "3600"})]
    with Client(scripted.url, "k") as kyc, pytest.raises(api.RateLimited) as limited:
        kyc.me()
    assert (limited.value.code, limited.value.retry_after_s) == ("throttled", 3600)


def test_retries_end(scripted: ScriptedServer) -> None:
    scripted.steps = [Step(503, "<html>", {"Retry-After": "0"})] * 3
    with Client(scripted.url, "k", retries=2) as kyc, pytest.raises(api.Unavailable):
        kyc.me()
    assert scripted.steps == []


def test_lists_go_on_to_the_next_page(scripted: ScriptedServer) -> None:
    last = SUBMISSION | {"external_ref": "application-2"}
    scripted.steps = [
        Step(200, {"data": [SUBMISSION], "has_more": True, "next": "after-me"}),
        Step(200, {"data": [last], "has_more": False, "next": None}),
    ]
    with Client(scripted.url, "k") as kyc:
        found = [one.external_ref for one in kyc.submissions(status="in_review")]
    assert found == ["application-1", "application-2"]
    assert scripted.seen[1].path == "/api/v1/submissions?status=in_review&after=after-me"


def test_an_endpoint_is_changed_and_a_person_erased_by_what_is_sent(scripted: ScriptedServer) -> None:
    scripted.steps = [
        Step(200, {"erased": ["a"], "failed": ["b"], "has_more": True}),
        Step(201, {"secret": SECRET, "previous_secret_expires_at": "2026-11-21T09:30:00Z"}),
    ]
    with Client(scripted.url, "k") as kyc:
        assert kyc.erase_by_applicant_ref("p-77") == models.Erasure(("a",), ("b",), has_more=True)
        assert kyc.rotate_webhook_secret("e-1", idempotency_key="once") == SECRET
    assert [one.path for one in scripted.seen] == [
        "/api/v1/submissions?applicant_ref=p-77",
        "/api/v1/webhook-endpoints/e-1/secret",
    ]
    assert scripted.seen[1].headers["idempotency-key"] == "once"


def test_a_message_is_verified_as_the_standards_own_library_signs_it() -> None:
    body = message()
    event = api.verify_webhook(body.encode(), signed(body), SECRET)
    assert (event.id, event.type) == ("evt_1", "submission.completed")
    assert event.data is not None
    assert event.data.result == "clear"
    both = signed(body)
    both["Webhook-Signature"] = (
        signed(body, OTHER_SECRET)["Webhook-Signature"] + " " + both["Webhook-Signature"]
    )
    assert api.verify_webhook(body.encode(), both, SECRET) == event


@pytest.mark.parametrize("wrong", ["body", "secret", "old", "future", "unsigned"])
def test_a_message_that_was_not_sent_so_now_is_refused(wrong: str) -> None:
    body, now = message(), datetime.now(UTC)
    shift = {"old": timedelta(minutes=-6), "future": timedelta(minutes=6)}.get(wrong, timedelta())
    headers = {} if wrong == "unsigned" else signed(body, at=now + shift)
    secret = OTHER_SECRET if wrong == "secret" else SECRET
    sent = message(result="rejected") if wrong == "body" else body
    with pytest.raises(api.WebhookInvalid):
        api.verify_webhook(sent.encode(), headers, secret)


def test_the_receiver_of_the_readme_takes_signed_messages_only(tmp_path: Path) -> None:
    port = free_port()
    program = [sys.executable, "-u", "-c", example(HERE / "README.md", 1, "python"), str(port)]
    environment = os.environ | {"PYTHONPATH": str(HERE / "src"), "WEBHOOK_SECRET": SECRET}
    receiver = subprocess.Popen(
        program, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        body = message()
        assert posted(port, body, signed(body)) == 204
        assert posted(port, message(result="rejected"), signed(body)) == 401
    finally:
        receiver.terminate()
        receiver.wait(10)


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        (models.Submission, "SubmissionOut"),
        (models.Reason, "ReasonOut"),
        (models.Check, "PictureCheckOut"),
        (models.Outcome, "LateOutcomeOut"),
        (models.Key, "KeyOut"),
        (models.Limits, "LimitsOut"),
        (models.Erasure, "ErasedOut"),
        (models.Event, "EventOut"),
        (models.EventData, "WebhookData"),
        (models.WebhookEndpoint, "EndpointWithSecretOut"),
        (models.Delivery, "DeliveryOut"),
    ],
)
def test_models_have_the_fields_of_the_document(model: type, schema: str) -> None:
    fields = {field.name for field in dataclasses.fields(model)}
    assert fields == set(document()["components"]["schemas"][schema]["properties"])


def test_the_packages_have_the_version_of_the_api() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    package = json.loads((REPOSITORY / "clients/typescript/package.json").read_text())
    assert project["version"] == package["version"]
    assert project["version"].partition(".")[0] == document()["info"]["version"]


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(DOCUMENT.read_text(), yaml.CSafeLoader)
    return found
