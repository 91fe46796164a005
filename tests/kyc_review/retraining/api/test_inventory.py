"""The record of a model and its notes by API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kyc_review.audit.models import Event
from kyc_review.registry.models import Bundle, ModelNote, ModelRecord
from tests.factories.scripts import Script

pytestmark = pytest.mark.django_db
RECORD: dict[str, Any] = {
    "owner": "Fraud models",
    "purpose": "Selfies of new customers.",
    "next_review_on": (timezone.localdate() + timedelta(days=200)).isoformat(),
    "tags": ["pilot"],
}


@pytest.fixture
def auditor(script: Callable[..., Script]) -> Script:
    return script("otto", "auditor")


def test_an_admin_writes_the_record_and_an_auditor_reads_it(
    serving: Bundle, ada: Script, auditor: Script
) -> None:
    there = f"/bundles/{serving.digest}/record"
    empty = auditor.get(there).json()
    assert (empty["owner"], empty["tags"], empty["version"], empty["changed_by"]) == ("", [], "", None)
    written = ada.send("PUT", there, **RECORD, version="")
    assert written.status_code == 200, written.json()
    read = auditor.get(there).json()
    assert read == written.json()
    assert {name: read[name] for name in RECORD} == RECORD
    assert read["changed_by"] == "ada"
    assert Event.objects.get(action="bundle.record_changed").detail["token"]
    assert auditor.send("PUT", there, **RECORD).status_code == 403


def test_a_stale_version_an_impossible_day_and_a_missing_field_write_nothing(
    serving: Bundle, ada: Script, amir: Script
) -> None:
    there = f"/bundles/{serving.digest}/record"
    seen = ada.send("PUT", there, **RECORD).json()["version"]
    assert amir.send("PUT", there, **RECORD | {"owner": "Model risk"}, version=seen).status_code == 200
    stale = ada.send("PUT", there, **RECORD | {"owner": "Fraud"}, version=seen)
    assert (stale.status_code, stale.json()["code"]) == (409, "record_refused")
    assert "amir changed this record" in stale.json()["detail"]
    assert ada.send("PUT", there, **RECORD | {"next_review_on": "2001-01-01"}).status_code == 409
    for wrong in ({"tags": ["Not a tag"]}, {"owner": None}, {"review": "2027-01-01"}):
        assert ada.send("PUT", there, **RECORD | wrong).status_code == 400
    left_out = {name: value for name, value in RECORD.items() if name != "tags"}
    assert ada.send("PUT", there, **left_out).status_code == 400
    assert ModelRecord.objects.get().owner == "Model risk"


def test_notes_are_added_and_come_in_pages(serving: Bundle, ada: Script, auditor: Script) -> None:
    there = f"/bundles/{serving.digest}/notes"
    for number in range(3):
        assert ada.post(there, text=f"Note {number}").status_code == 201
    first = auditor.get(there, limit=2).json()
    assert [(row["text"], row["written_by"]) for row in first["data"]] == [
        ("Note 2", "ada"),
        ("Note 1", "ada"),
    ]
    rest = auditor.get(there, limit=2, after=first["next"]).json()
    assert ([row["text"] for row in rest["data"]], rest["has_more"]) == (["Note 0"], False)
    assert ada.post(there, text=" ").status_code == 400
    assert auditor.post(there, text="No.").status_code == 403
    assert ModelNote.objects.count() == 3
    assert ada.get(f"/bundles/{'0' * 64}/notes").status_code == 404
