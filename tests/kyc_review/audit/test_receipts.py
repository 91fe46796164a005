"""Receipts are checked by the program for auditors, which shares no code with the product."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kyc_review.audit import sealing
from kyc_review.audit.models import Event
from kyc_review.audit.receipts import receipt
from kyc_review.audit.signing import public_keys_dir, signing_key_create

ROOT = Path(__file__).parents[3]
Record = Callable[[int], list[int]]


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
    record(7)
    sealing.seal_all()
    signing_key_create()
    ids = record(4)
    sealing.seal_all()
    record(1)
    found = receipt(submission_id="one", events=Event.objects.all())
    assert (len(found["events"]), len(found["batches"]), found["unsealed"]) == (11, 2, 1)
    done = check(found, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VALID: 11 events of submission one." in done.stdout
    assert "1 later events were not sealed" in done.stdout
    one = receipt(submission_id="one", events=Event.objects.filter(pk=ids[2]))
    assert (len(one["events"]), len(one["batches"])) == (1, 1)
    assert check(one, tmp_path).returncode == 0


def test_a_receipt_finds_its_batch_inside_one_large_transaction(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kyc_review.audit import services

    monkeypatch.setattr(sealing, "BATCH_MAX", 2)
    services.record_many([services.event(action="thing.happened") for _ in range(7)])
    sealing.seal_all()
    found = receipt(submission_id="one", events=Event.objects.all())
    assert [one["batch"] for one in found["events"]] == [1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize("forgery", ["event", "proof", "header", "key"])
def test_a_forged_receipt_is_invalid(record: Record, tmp_path: Path, forgery: str) -> None:
    record(5)
    sealing.seal_all()
    found = receipt(submission_id="one", events=Event.objects.all())
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


def test_something_else_is_no_receipt(committed: None, tmp_path: Path) -> None:
    done = check({"format": "other"}, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the format is 'other'" in done.stderr
