"""What an integration reads of the checks of its pictures, live and in the sandbox."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from detection.checks import NEEDS_FACE, UNITS, CheckCode, CheckName, CheckStatus, Measure
from detection.faces.examine import examine
from detection.faces.limits import LIMITS
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.scoring.models import CheckResult
from kyc_review.submissions.api.serializers import shown
from kyc_review.submissions.check_policy import DEFAULT, judge
from kyc_review.submissions.models import ResubmitReason, Result, State, Submission
from kyc_review.submissions.sandbox import sandbox_advance
from kyc_review.submissions.scripts import SCRIPTS
from tests.factories.checks import failing

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"


def send_back(row: Submission) -> None:
    lease_batch(holder="w", limit=1)
    found = [
        replace(check, measure=Measure.SHARPNESS) if check.name is CheckName.SHARPNESS else check
        for check in failing(CheckName.SHARPNESS, CheckCode.BLURRED)
    ]
    scored = {row.pk: Scored(votes=(), elapsed_ms=1.0, checks=tuple(found))}
    verdicts_record(holder="w", bundle_version="b", bundle_digest="d" * 64, scored=scored)


def test_a_picture_that_was_sent_back_says_why_for_programs_and_for_people(
    api: Client, submit: Callable[..., Submission]
) -> None:
    row = submit()
    assert api.get(f"{URL}/{row.pk}").json()["checks"] == []
    send_back(row)
    body = api.get(f"{URL}/{row.pk}").json()
    assert (body["status"], body["result"]) == ("completed", "resubmit")
    assert body["reasons"] == [
        {
            "code": "blurred",
            "detail": f"Ask for another selfie. {ResubmitReason.BLURRED.label}",
            "retry": True,
            "applicant_text": ResubmitReason.BLURRED.label,
        }
    ]
    assert [check["name"] for check in body["checks"]] == [name.value for name in CheckName]
    by_name = {check["name"]: check for check in body["checks"]}
    assert by_name["sharpness"] == {
        "name": "sharpness",
        "status": "fail",
        "measure": "sharpness",
        "unit": "share",
        "value": 0.5,
        "limit": 0.4,
        "code": "blurred",
        "action": "resubmit",
    }
    assert by_name["pose"] == by_name["sharpness"] | {
        "name": "pose",
        "status": "pass",
        "measure": None,
        "unit": None,
        "code": None,
        "action": None,
    }


def test_a_list_reads_the_checks_of_all_in_one_query(
    api: Client, submit: Callable[..., Submission], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(6):
        send_back(submit())
    api.get(URL)
    with django_assert_max_num_queries(8):
        body = api.get(URL).json()
    assert {len(row["checks"]) for row in body["data"]} == {len(CheckName)}


@pytest.mark.parametrize("reason", ResubmitReason)
def test_every_reason_says_what_is_wrong_and_what_to_do(reason: ResubmitReason) -> None:
    wrong, advice = reason.label.split("; ")
    assert wrong.startswith(("The ", "A ", "No ", "More "))
    assert advice.split()[0] in {"avoid", "find", "hold", "look", "take", "uncover"}


@pytest.mark.parametrize(("face", "subject"), [("fail", "picture"), ("pass", "face")])
def test_darkness_is_that_of_the_picture_where_no_face_was_found(
    submit: Callable[..., Submission], face: str, subject: str
) -> None:
    row = submit()
    Submission.objects.filter(pk=row.pk).update(
        state=State.COMPLETED, result=Result.RESUBMIT, result_reason="too_dark", completed_at=timezone.now()
    )
    row.refresh_from_db()
    code = "no_face" if face == "fail" else ""
    CheckResult.objects.create(submission=row, name="face_found", status=face, code=code)
    text = f"The {subject} is too dark; find more light."
    reason = shown(row)["reasons"][0]
    assert (reason["code"], reason["applicant_text"]) == ("too_dark", text)
    assert reason["detail"] == f"Ask for another selfie. {text}"


def test_the_sandbox_answers_for_no_face_as_the_real_checks_do(submit: Callable[..., Submission]) -> None:
    row = submit(is_test=True, external_ref="sandbox-no-face")
    Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    sandbox_advance()
    row.refresh_from_db()
    live = judge(examine(Image.effect_noise((256, 256), 60).convert("RGB")).checks, DEFAULT)
    pretended = shown(row)["checks"]
    for check, one in zip(pretended, live.checks, strict=True):
        measured = one.check
        expected = (measured.name, measured.status, measured.code, one.action, measured.measure)
        assert tuple(check[key] for key in ("name", "status", "code", "action", "measure")) == expected


@pytest.mark.parametrize("reference", SCRIPTS)
def test_the_sandbox_pretends_checks_on_the_right_side_of_the_real_limits(
    submit: Callable[..., Submission], reference: str
) -> None:
    row = submit(is_test=True, external_ref=reference)
    assert shown(row)["checks"] == []
    Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    sandbox_advance()
    row.refresh_from_db()
    checks = shown(row)["checks"]
    assert [check["name"] for check in checks] == [name.value for name in CheckName]
    for check in checks:
        measured = [limit for limit in LIMITS.values() if limit.check == check["name"]]
        if check["name"] in NEEDS_FACE and check["code"] == "no_face":
            assert (check["value"], check["status"], check["action"]) == (None, "doubt", None)
            continue
        if check["code"] == "check_failed":
            assert (check["value"], check["status"], check["action"]) == (None, "doubt", "review")
            continue
        if check["code"]:
            limit = next(one for one in measured if one.code == check["code"])
        elif measured:
            limit = measured[0]
        else:
            assert (check["value"], check["measure"], check["status"]) == (None, None, "pass")
            continue
        assert LIMITS[Measure(check["measure"])] is limit
        assert check["unit"] == UNITS[Measure(check["measure"])]
        assert limit.status(check["value"]) == check["status"]
        assert limit.missed(check["value"]) == check["limit"]
        assert check["unit"] != "share" or 0 <= check["value"] <= 1
    troubles = [check["code"] for check in checks if check["status"] != CheckStatus.PASS]
    script = SCRIPTS[reference]
    assert set(troubles) == ({script.code} if script.code else set())
    if row.result == Result.RESUBMIT:
        assert row.result_reason in {*troubles, script.reason}
