"""Dossiers and pages say which picture a planted forgery was made of, to those who do not decide on faces."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.audit.signing import signing_key_ensure
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.records.columns import Period
from kyc_review.records.exports import table_export
from kyc_review.records.tables import TABLES
from kyc_review.records.writers import Format
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import PlantedForgery, ReviewItem
from kyc_review.review.opening import items_open
from kyc_review.submissions.models import State, Submission
from tests.factories.claims import item_claim_next
from tests.factories.planted import planted
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
Dossier = Callable[[Submission, str], dict[str, bytes]]


@pytest.fixture
def source(submit: Callable[..., Submission]) -> Submission:
    return submit(applicant_ref="A-1")


@pytest.fixture
def forgery(submit: Callable[..., Submission], source: Submission, alice: User) -> Submission:
    """A forgery of the source that alice judged."""
    row = planted(submit, source=source, applicant_ref="B-2", external_ref="B-2")
    audit.record(action="planting.planted", target=PlantedForgery.objects.get(submission=row))
    Submission.objects.filter(pk=row.pk).update(state=State.IN_REVIEW)
    items_open([(row.pk, "split_vote", 0.5)])
    item = item_claim_next(reviewer=alice)
    assert item is not None
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    row.refresh_from_db()
    return row


@pytest.fixture
def dossier(staff: Callable[..., User], login: Callable[[User], Client]) -> Dossier:
    signing_key_ensure()
    window = login(staff("rita", "auditor"))

    def read(row: Submission, audience: str) -> dict[str, bytes]:
        content = window.get(reverse("records:dossier", args=[row.pk, audience])).getvalue()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    return read


def test_the_applicant_is_told_that_an_edited_copy_was_made_and_when_it_is_deleted(
    source: Submission, forgery: Submission, dossier: Dossier, settings: LazySettings
) -> None:
    files = dossier(source, "subject")
    [copy] = json.loads(files["use.json"])["edited_copies"]
    assert (copy["judged_by_people"], copy["judged_by_models"], copy["deleted_at"]) == (1, False, None)
    days = timedelta(days=settings.PLANTED_DAYS)
    planted_at = PlantedForgery.objects.get(submission=forgery).planted_at
    assert datetime.fromisoformat(copy["deleted_at_latest"]) == planted_at + days
    assert b"(yes, one)" in files["READ-ME.txt"]
    assert "edited copy" in str(json.loads(files["contents.json"])["left_out"])
    assert "planting.planted" in [moment["action"] for moment in json.loads(files["timeline.json"])]
    everything = b"".join(files.values())
    for hidden in (str(forgery.pk), "B-2", "swap/eyes"):
        assert hidden.encode() not in everything
    submission_erase(submission_id=source.pk, reason="Asked for.")
    [copy] = json.loads(dossier(source, "subject")["use.json"])["edited_copies"]
    assert copy["deleted_at"]


def test_of_a_picture_that_was_not_forged_no_copy_is_told(source: Submission, dossier: Dossier) -> None:
    files = dossier(source, "subject")
    assert json.loads(files["use.json"])["edited_copies"] == []
    assert b"(no)" in files["READ-ME.txt"]
    assert b"edited copy" not in files["contents.json"]


def test_an_auditor_is_told_both_submissions_and_the_planting(
    source: Submission, forgery: Submission, dossier: Dossier
) -> None:
    of_source, of_forgery = dossier(source, "auditor"), dossier(forgery, "auditor")
    [copy] = json.loads(of_source["use.json"])["edited_copies"]
    assert (copy["submission"], copy["edit"]) == (str(forgery.pk), "swap/eyes/feather")
    assert json.loads(of_forgery["planted.json"])["source_submission"] == str(source.pk)
    assert "planted.json" not in of_source
    posted = json.loads(of_forgery["submission.json"])
    assert (posted["is_planted"], posted["integration"]) == (True, None)
    summary = of_forgery["READ-ME.txt"].decode()
    assert f"the picture of submission {source.pk}" in " ".join(summary.split())
    assert "can appeal" not in summary
    for files in (of_source, of_forgery):
        events = [json.loads(line) for line in files["audit-events.jsonl"].splitlines()]
        assert "planting.planted" in [event["action"] for event in events]


def test_a_planted_forgery_has_no_applicants_copy(
    forgery: Submission, staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    signing_key_ensure()
    ada = staff("ada", "admin")
    window, script = login(ada), Script(ada, is_read_only=True)
    page = window.get(reverse("insights:submission", args=[forgery.pk])).text
    subject = reverse("records:dossier", args=[forgery.pk, "subject"])
    assert subject not in page
    refused = window.get(subject, follow=True)
    assert "belongs to no applicant" in refused.text
    answer = script.client.get(f"/api/v1/records/submissions/{forgery.pk}/dossier?audience=subject")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_applicant")


@pytest.mark.parametrize(("role", "is_told"), [("auditor", True), ("admin", True), ("senior", False)])
def test_the_pages_of_source_and_forgery_name_each_other_to_those_who_do_not_decide(
    source: Submission,
    forgery: Submission,
    staff: Callable[..., User],
    login: Callable[[User], Client],
    role: str,
    is_told: bool,
) -> None:
    window = login(staff("person", role))
    Submission.objects.filter(pk=source.pk).update(
        state=State.COMPLETED, result="clear", result_reason="models_agree", completed_at=timezone.now()
    )
    for row, other in ((source, forgery), (forgery, source)):
        page = window.get(reverse("insights:submission", args=[row.pk])).text
        assert (reverse("insights:submission", args=[other.pk]) in page) == is_told


def test_people_who_also_decide_get_no_dossier(
    enqueue: Callable[..., ReviewItem], staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    """It would tell them which pictures are planted."""
    signing_key_ensure()
    both = staff("both", "auditor")
    both.groups.add(Group.objects.get(name="senior"))
    row = enqueue().submission
    window, address = login(both), reverse("records:dossier", args=[row.pk, "auditor"])
    assert address not in window.get(reverse("insights:submission", args=[row.pk])).text
    assert window.get(address).status_code == 403


def test_planted_forgeries_are_exported_with_source_and_answers_and_are_in_no_other_table(
    source: Submission, forgery: Submission, alice: User
) -> None:
    today = datetime.now(UTC).date()
    period = Period(today - timedelta(days=1), today)

    def exported(name: str) -> list[dict[str, Any]]:
        made = table_export(table=TABLES[name], period=period, format=Format.JSON_LINES, actor=None)
        return [json.loads(line) for line in b"".join(made.pieces).splitlines()]

    [row] = exported("planted-forgeries")
    assert (row["submission_id"], row["source_submission"]) == (str(forgery.pk), str(source.pk))
    assert (row["edit"], row["is_flagged"], row["result"]) == ("swap/eyes/feather", True, forgery.result)
    assert [(one["reviewer"], one["label"]) for one in row["answers"]] == [("alice", "fake")]
    assert exported("decisions") == exported("outcomes") == []
