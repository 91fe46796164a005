"""The reference image that an integration sends with a selfie: accepted like it, kept apart, never judged."""

import base64
import hashlib
import io
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from kyc_review.audit.models import Event
from kyc_review.datasets.snapshots import snapshot_create
from kyc_review.evidence import derivatives as made
from kyc_review.lifecycle.erase import erasures_sweep, submission_erase
from kyc_review.lifecycle.retain import retention_step
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.orphans import orphans_delete
from kyc_review.submissions.storage import derivatives, originals, reference_key
from tests.factories.image_files import png
from tests.factories.pictures import jpeg_bytes
from tests.factories.responses import ClientResponse

pytestmark = pytest.mark.django_db
URL = "/api/v1/submissions"
SELFIE, PORTRAIT = jpeg_bytes(seed=1), jpeg_bytes(seed=2)


def form(client: Client, reference: bytes | str, key: str = "", **fields: Any) -> ClientResponse:
    body = {"image": SimpleUploadedFile("selfie.jpg", SELFIE), "external_ref": "application-1"} | fields
    body["reference_image"] = (
        SimpleUploadedFile("portrait.jpg", reference) if isinstance(reference, bytes) else reference
    )
    return client.post(URL, body, headers={"Idempotency-Key": key or uuid4().hex})


def as_json(client: Client, reference: Any, url: str = URL) -> ClientResponse:
    one = {"image": base64.b64encode(SELFIE).decode(), "external_ref": "application-1"}
    one["reference_image"] = reference
    body = {"submissions": [one | {"reference_image": 7}, one]} if url.endswith("batch") else one
    return client.post(
        url, json.dumps(body), content_type="application/json", headers={"Idempotency-Key": uuid4().hex}
    )


def stored() -> list[Path]:
    return sorted(path for path in Path(originals.path("")).rglob("*") if path.is_file())


@pytest.mark.parametrize("how", ["form", "json"])
def test_it_is_kept_unchanged_and_private_and_its_digest_is_told(api: Client, how: str) -> None:
    response = form(api, PORTRAIT) if how == "form" else as_json(api, base64.encodebytes(PORTRAIT).decode())
    assert response.status_code == 202, response.content
    assert response.json()["reference_sha256"] == hashlib.sha256(PORTRAIT).hexdigest()
    assert api.get(response["Location"]).json()["reference_sha256"] == response.json()["reference_sha256"]
    row = Submission.objects.get()
    with originals.open(row.image_key) as selfie, originals.open(reference_key(row.pk)) as portrait:
        assert (selfie.read(), portrait.read()) == (SELFIE, PORTRAIT)
    assert os.stat(originals.path(reference_key(row.pk))).st_mode & 0o077 == 0
    detail = Event.objects.get(action="submission.received").detail
    assert detail == {"sha256": row.sha256, "reference_sha256": row.reference_sha256}


def test_in_a_batch_each_entry_may_have_one_and_a_bad_one_refuses_its_entry_alone(api: Client) -> None:
    results = as_json(api, base64.b64encode(PORTRAIT).decode(), f"{URL}/batch").json()["results"]
    assert [one["status"] for one in results] == [400, 202]
    assert results[0]["problem"]["errors"][0]["pointer"] == "#/reference_image"
    assert results[1]["submission"]["reference_sha256"] == hashlib.sha256(PORTRAIT).hexdigest()
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        (b"", 400),
        (b"this is no image at all, only text", 415),
        (PORTRAIT[:200], 422),
        ("text instead of a file", 400),
    ],
    ids=["empty", "text", "truncated before its pixels", "not a file"],
)
def test_a_bad_one_is_refused_by_name_and_nothing_is_stored(
    api: Client, reference: bytes | str, status: int
) -> None:
    response = form(api, reference)
    assert response.status_code == status, response.content
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/reference_image"]
    assert (Submission.objects.count(), stored()) == (0, [])


def damaged() -> list[bytes]:
    """Cut in half; with a hole in its data."""
    hole = len(PORTRAIT) * 2 // 3
    return [PORTRAIT[: len(PORTRAIT) // 2], PORTRAIT[:hole] + b"\xff\xc5" * 20 + PORTRAIT[hole + 40 :]]


@pytest.mark.parametrize("how", ["form", "json"])
@pytest.mark.parametrize("bad", [0, 1], ids=["cut", "hole"])
def test_a_damaged_one_is_refused_though_a_damaged_selfie_is_accepted(
    api: Client, how: str, bad: int
) -> None:
    reference = damaged()[bad]
    response = form(api, reference) if how == "form" else as_json(api, base64.b64encode(reference).decode())
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "damaged_reference")
    assert problem["errors"][0]["pointer"] == "#/reference_image"
    assert "or the submission without it" in problem["detail"]
    assert (Submission.objects.count(), stored()) == (0, [])
    body = {"image": SimpleUploadedFile("selfie.jpg", reference), "external_ref": "application-1"}
    assert api.post(URL, body, headers={"Idempotency-Key": "k-1"}).status_code == 202


def test_a_portrait_that_was_cut_out_and_one_with_data_behind_it_are_not_damaged(api: Client) -> None:
    buffer = io.BytesIO()
    cut_out = Image.new("RGBA", (200, 240), (0, 0, 0, 0))
    cut_out.paste((180, 120, 100, 255), (50, 60, 150, 200))
    cut_out.save(buffer, "PNG")
    for reference in (buffer.getvalue(), PORTRAIT + b"behind it"):
        assert form(api, reference).status_code == 202


@pytest.mark.parametrize("reference", ["%%%", "", 7])
def test_what_is_not_base64_is_refused_by_name(api: Client, reference: Any) -> None:
    response = as_json(api, reference)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "#/reference_image")
    assert (Submission.objects.count(), stored()) == (0, [])


def test_one_with_too_many_pixels_is_refused_by_name(api: Client) -> None:
    response = form(api, png(20_000, 20_000))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (413, "#/reference_image")


def test_both_together_have_the_limit_of_one_request(api: Client, settings: LazySettings) -> None:
    settings.REQUEST_MAX_BYTES = len(SELFIE) + len(PORTRAIT)
    response = form(api, PORTRAIT)
    assert (response.status_code, stored()) == (413, [])


def test_the_key_covers_it_and_a_repetition_stores_nothing_more(api: Client) -> None:
    first, second = form(api, PORTRAIT, "k-1"), form(api, PORTRAIT, "k-1")
    assert (second.content, second["Idempotent-Replayed"]) == (first.content, "true")
    assert (Submission.objects.count(), len(stored())) == (1, 2)
    assert form(api, jpeg_bytes(seed=3), "k-1").json()["code"] == "idempotency_key_reused"
    assert (Submission.objects.count(), len(stored())) == (1, 2)


def test_a_selfie_without_one_has_the_fingerprint_that_it_had_before_references_existed() -> None:
    from kyc_review.submissions.api.creating import said

    plain = {"image": b"1", "external_ref": "a", "applicant_ref": "", "metadata": {}}
    assert said(plain | {"filename": "a.jpg"}) == plain, "or repetitions during an upgrade would be refused"


def test_a_failed_insert_leaves_neither_file(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no row")

    monkeypatch.setattr("kyc_review.submissions.intake.insert", refuse)
    with pytest.raises(RuntimeError):
        submit(reference_image=PORTRAIT)
    assert stored() == []


def test_an_erasure_deletes_it_and_its_browser_versions_even_those_written_afterwards(
    submit: Callable[..., Submission], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    row = submit(reference_image=PORTRAIT)
    made.reference_thumbnail_ensure(row)
    with django_capture_on_commit_callbacks(execute=True):
        submission_erase(submission_id=row.pk, reason="Article 17")
    assert stored() == []
    assert not [path for path in Path(derivatives.path("")).rglob("*") if path.is_file()]
    for storage, key in (
        (originals, reference_key(row.pk)),
        (derivatives, f"{row.pk.hex[:2]}/{row.pk.hex}/x.jpg"),
    ):
        late = Path(storage.path(key))
        late.parent.mkdir(parents=True, exist_ok=True)
        late.write_bytes(b"by a process that had started earlier")
    erasures_sweep()
    assert stored() == []
    assert not [path for path in Path(derivatives.path("")).rglob("*") if path.is_file()]


def test_retention_takes_it_too(
    clear: Callable[..., Submission],
    settings: LazySettings,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    row = clear(reference_image=PORTRAIT)
    settings.RETENTION_UNREVIEWED_DAYS = 30
    Submission.objects.filter(pk=row.pk).update(completed_at=timezone.now() - timedelta(days=31))
    with django_capture_on_commit_callbacks(execute=True):
        retention_step()
    row.refresh_from_db()
    assert row.erased_at is not None
    assert stored() == []


def test_one_without_a_row_is_an_orphan_and_one_with_a_row_is_not(submit: Callable[..., Submission]) -> None:
    row = submit(reference_image=PORTRAIT)
    lost = Path(originals.path(reference_key(uuid4())))
    strange = Path(originals.path("ab/notes.reference"))
    for path in (lost, strange):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left by a killed request")
    for path in stored():
        os.utime(path, (0, 0))
    assert orphans_delete() == 2
    assert {path.name for path in stored()} == {Path(row.image_key).name, Path(reference_key(row.pk)).name}


def test_models_and_evidence_judge_the_selfie_alone(
    enqueue: Callable[..., ReviewItem], examine: Callable[[ReviewItem], Any]
) -> None:
    """The reference cannot be opened here, and still everything is computed."""
    item = enqueue(image=SELFIE, reference_image=PORTRAIT)
    alone = enqueue(image=SELFIE)
    Path(originals.path(reference_key(item.submission_id))).unlink()
    evidence, other = examine(item), examine(alone)
    assert evidence.facts == other.facts
    item.submission.fingerprint.refresh_from_db()
    assert item.submission.fingerprint.coarse == alone.submission.fingerprint.coarse


def test_a_snapshot_holds_the_selfie_alone(decide: Callable[..., Decision]) -> None:
    for label in ("real", "fake"):
        decide(label, reference_image=PORTRAIT)
    folder = snapshot_create().directory
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 3, "a manifest and two selfies"
    assert PORTRAIT not in files
    assert not any(hashlib.sha256(PORTRAIT).hexdigest().encode() in content for content in files)
