import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kyc_review.accounts import services as accounts
from kyc_review.accounts.models import Integration
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.api.serializers import checks_shown
from kyc_review.submissions.models import ResubmitReason, Submission
from kyc_review.submissions.reason_codes import BY_CODE
from kyc_review.submissions.sandbox import NEVER, sandbox_advance
from kyc_review.submissions.scripts import SCRIPTS, script_of
from kyc_review.webhooks.models import Endpoint, Event
from kyc_review.webhooks.sandbox import webhook_fails
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db


def later(seconds: int) -> None:
    scheduled = Submission.objects.exclude(due_at=NEVER)
    scheduled.update(due_at=timezone.now() - timedelta(seconds=1) if seconds else timezone.now())


@pytest.mark.parametrize(
    ("reference", "result", "kinds"),
    [
        ("sandbox-clear", "clear", ["submission.cleared"]),
        ("application-7", "clear", ["submission.cleared"]),
        ("sandbox-failed-webhook", "clear", ["submission.cleared"]),
        ("sandbox-unanimous-fake", "rejected", ["submission.queued", "submission.completed"]),
        ("sandbox-split-42", "clear", ["submission.queued", "submission.completed"]),
        ("sandbox-slow-review", "clear", ["submission.queued", "submission.completed"]),
        ("sandbox-unscorable", "resubmit", ["submission.queued", "submission.resubmit_requested"]),
        ("sandbox-no-face", "resubmit", ["submission.resubmit_requested"]),
        ("sandbox-several-faces-1", "resubmit", ["submission.resubmit_requested"]),
        ("sandbox-too-dark", "resubmit", ["submission.resubmit_requested"]),
        ("sandbox-check-failed", "clear", ["submission.queued", "submission.completed"]),
        ("sandbox-overturned-9", "rejected", ["submission.cleared", "submission.overturned"]),
        (
            "sandbox-overturned-to-clear-9",
            "clear",
            ["submission.queued", "submission.completed", "submission.overturned"],
        ),
        ("sandbox-doubt", "resubmit", ["submission.queued", "submission.resubmit_requested"]),
    ],
)
def test_the_reference_decides_what_becomes_of_a_test_submission(
    integration: Integration, submit: Callable[..., Submission], reference: str, result: str, kinds: list[str]
) -> None:
    Endpoint.objects.create(integration=integration, is_test=True, url="https://hooks.example/in", secret="")
    row = submit(is_test=True, external_ref=reference)
    for _ in kinds:
        later(1)
        assert sandbox_advance() == 1
    row.refresh_from_db()
    assert (row.state, row.result) == ("completed", result)
    assert row.result_reason
    assert list(Event.objects.order_by("created_at").values_list("kind", flat=True)) == kinds
    later(1)
    assert sandbox_advance() == 0


@pytest.mark.parametrize("reason", ResubmitReason)
def test_every_reason_to_resubmit_has_a_script(submit: Callable[..., Submission], reason: str) -> None:
    row = submit(is_test=True, external_ref=f"sandbox-resubmit-{reason.replace('_', '-')}-7")
    for _ in range(2):
        later(1)
        sandbox_advance()
    row.refresh_from_db()
    assert (row.result, row.result_reason) == ("resubmit", reason)


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("sandbox-typo", 400),
        ("Sandbox-Split", 400),
        ("sandbox_split", 400),
        ("sandbox-splitter", 400),
        ("sandbox-throttled-1", 429),
        ("sandbox-unavailable", 503),
        ("sandbox-split-1", 202),
        ("sandbox-failed-webhook", 202),
        ("sandboxes", 202),
    ],
)
def test_the_sandbox_refuses_what_is_no_script_and_pretends_refusals(
    client: Client, integration: Integration, reference: str, status: int
) -> None:
    key = accounts.key_create(integration=integration, is_test=True)[1]
    image = base64.b64encode(jpeg_bytes()).decode()
    sent = {"image": image, "external_ref": reference}
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}
    url, kind = "/api/v1/submissions", "application/json"
    response = client.post(url, sent, content_type=kind, headers=headers)
    assert response.status_code == status, response.content
    assert (status in (429, 503)) == ("Retry-After" in response.headers)
    if status == 400:
        assert response.json()["errors"][0]["pointer"] == "#/external_ref"
        whole = client.post(f"{url}/batch", {"submissions": [sent]}, content_type=kind, headers=headers)
        assert whole.json()["results"][0]["status"] == 400


def test_every_code_of_the_table_has_a_script(submit: Callable[..., Submission]) -> None:
    shown = {code for script in SCRIPTS.values() for code in (script.reason, script.code) if code}
    assert set(BY_CODE) <= shown
    row = submit(is_test=True, external_ref="sandbox-check-failed")
    row.state = "in_review"
    asked = [check for check in checks_shown(row) if check["action"]]
    assert [(check["code"], check["status"]) for check in asked] == [("check_failed", "doubt")]


def test_a_correction_waits_for_its_time(submit: Callable[..., Submission]) -> None:
    row = submit(is_test=True, external_ref="sandbox-overturned")
    assert (sandbox_advance(), sandbox_advance()) == (1, 0)
    row.refresh_from_db()
    assert row.result == "clear"
    assert timedelta(0) < row.due_at - timezone.now() < timedelta(seconds=3)


def test_a_live_reference_may_have_any_name(api: Client) -> None:
    sent = {"image": base64.b64encode(jpeg_bytes()).decode(), "external_ref": "sandbox-typo"}
    response = api.post(
        "/api/v1/submissions", sent, content_type="application/json", headers={"Idempotency-Key": "k"}
    )
    assert response.status_code == 202


def test_a_slow_review_is_not_due_before_its_minute(submit: Callable[..., Submission]) -> None:
    row = submit(is_test=True, external_ref="sandbox-slow-review")
    assert (sandbox_advance(), sandbox_advance()) == (1, 0)
    row.refresh_from_db()
    assert row.state == "in_review"
    assert timedelta(seconds=55) < row.due_at - timezone.now() < timedelta(seconds=61)


def test_test_submissions_reach_neither_models_nor_reviewers_and_live_ones_not_the_sandbox(
    submit: Callable[..., Submission],
) -> None:
    live, test = submit(), submit(is_test=True, external_ref="sandbox-split")
    assert [row.pk for row in lease_batch(holder="h:1:a", limit=9)] == [live.pk]
    sandbox_advance()
    live.refresh_from_db()
    test.refresh_from_db()
    assert (live.state, test.state) == ("scoring", "in_review")
    assert not ReviewItem.objects.exists()


def test_a_name_that_only_begins_alike_is_no_script() -> None:
    assert script_of("sandbox-splitter") is script_of("sandbox-clear")


def test_only_the_first_attempt_to_deliver_fails() -> None:
    assert webhook_fails("sandbox-failed-webhook-1", attempts_made=0)
    assert not webhook_fails("sandbox-failed-webhook-1", attempts_made=1)
    assert not webhook_fails("application-1", attempts_made=0)
