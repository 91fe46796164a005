"""Receipts are checked by the program for auditors, which shares no code with the product."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kyc_review.audit import sealing, services
from kyc_review.audit.models import Event
from kyc_review.audit.receipts import receipt
from kyc_review.audit.signing import public_keys_dir, signing_key_create
from kyc_review.review.models import PlantedForgery, ReviewItem
from kyc_review.submissions.models import Submission

ROOT = Path(__file__).parents[3]
ONE, OTHER = str(UUID(int=1)), str(UUID(int=2))
Record = Callable[..., list[int]]


def check(found: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """In a process without Django, in an empty folder."""
    (folder / "receipt.json").write_text(json.dumps(found), encoding="utf-8")
    keys = [str(path) for path in public_keys_dir().glob("*.pem")]
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "tools" / "verify_receipt.py"), "receipt.json", *keys],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_a_receipt_is_verified_offline_across_batches_and_keys(record: Record, tmp_path: Path) -> None:
    record(7, about=ONE)
    sealing.seal_all()
    signing_key_create()
    ids = record(4, about=ONE)
    sealing.seal_all()
    record(1, about=ONE)
    found = receipt(submission_id=ONE, events=Event.objects.all())
    assert (len(found["events"]), len(found["batches"]), found["unsealed"]) == (11, 2, 1)
    done = check(found, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"VALID: 11 sealed events, 11 of which name submission {ONE}." in done.stdout
    assert "NOT PROVEN: that there are no other events" in done.stdout
    assert "1 were not sealed yet" in done.stdout
    one = receipt(submission_id=ONE, events=Event.objects.filter(pk=ids[2]))
    assert (len(one["events"]), len(one["batches"])) == (1, 1)
    assert check(one, tmp_path).returncode == 0


def test_a_receipt_finds_its_batch_inside_one_large_transaction(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH_MAX", 2)
    services.record_many([services.event(action="thing.happened") for _ in range(7)])
    sealing.seal_all()
    found = receipt(submission_id=ONE, events=Event.objects.all())
    assert [one["batch"] for one in found["events"]] == [1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("forgery", ["event", "proof", "header", "key"])
def test_a_forged_receipt_is_invalid(record: Record, tmp_path: Path, forgery: str) -> None:
    record(5, about=ONE)
    sealing.seal_all()
    found = receipt(submission_id=ONE, events=Event.objects.all())
    if forgery == "event":
        found["events"][1]["event"] = found["events"][1]["event"].replace("thing.happened", "thing.hidden")
    elif forgery == "proof":
        found["events"][1]["proof"].pop()
    elif forgery == "header":
        found["batches"][0]["header"] = found["batches"][0]["header"].replace('"size": 5', '"size": 6')
    else:
        for path in public_keys_dir().glob("*.pem"):
            path.unlink()
        signing_key_create()
    done = check(found, tmp_path)
    assert done.returncode == 1, done.stdout
    assert ("INVALID: batch 1" if forgery in ("header", "key") else "INVALID: event") in done.stdout
    assert "VALID: 5" not in done.stdout


def events_of_a_submission() -> list[Event]:
    """Posted, and decided by an earlier version and by this one."""
    submission, older, item = Submission(pk=ONE), ReviewItem(pk=7), ReviewItem(pk=8, submission_id=ONE)
    services.record(action="submission.received", target=submission)
    services.record(action="item.decided", target=older)
    services.record(action="item.decided", target=item, detail={"label": "fake"})
    sealing.seal_all()
    return list(Event.objects.order_by("pk"))


def test_a_receipt_names_the_submission_of_its_events_and_what_it_does_not_prove(
    committed: None, tmp_path: Path
) -> None:
    _, older, decided = events_of_a_submission()
    assert decided.detail == {"label": "fake", "submission": ONE}
    found = receipt(submission_id=ONE, events=Event.objects.all())
    done = check(found, tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"VALID: 3 sealed events, 2 of which name submission {ONE}." in done.stdout
    assert f"NOT PROVEN: that event {older.pk} (item.decided) is about this submission: " in done.stdout
    assert f"reviewitem 8  {{'label': 'fake', 'submission': '{ONE}'}}" in done.stdout
    found["events"] = found["events"][2:]
    assert "NOT PROVEN: when and with which picture it was posted" in check(found, tmp_path).stdout


def test_a_receipt_of_another_submission_is_invalid(committed: None, tmp_path: Path) -> None:
    posted, older, decided = events_of_a_submission()
    found = receipt(submission_id=ONE, events=Event.objects.all()) | {"submission": OTHER}
    done = check(found, tmp_path)
    assert done.returncode == 1
    for event in (posted, decided):
        assert f"INVALID: event {event.pk} is about submission {ONE}, not {OTHER}" in done.stdout
    found["events"] = [one for one in found["events"] if f'"id": {older.pk},' in one["event"]]
    assert f"INVALID: no event names submission {OTHER}" in check(found, tmp_path).stdout
    twice = receipt(submission_id=ONE, events=Event.objects.all())
    twice["events"] += twice["events"][:1]
    assert f"INVALID: event {posted.pk} is listed twice" in check(twice, tmp_path).stdout


def test_what_a_forgery_was_made_of_has_its_event_in_its_receipt(committed: None, tmp_path: Path) -> None:
    forgery = PlantedForgery(pk=3, submission_id=OTHER)
    services.record(action="planting.planted", target=forgery, detail={"source": ONE})
    sealing.seal_all()
    for submission in (ONE, OTHER):
        assert check(receipt(submission_id=submission, events=Event.objects.all()), tmp_path).returncode == 0


def test_something_else_is_no_receipt(committed: None, tmp_path: Path) -> None:
    done = check({"format": "other"}, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the format is 'other'" in done.stderr
