import hashlib
import json
import re
import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.datasets.manifest import is_held_out
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshots import snapshot_build, snapshot_create, snapshot_request, snapshot_verify
from kyc_review.registry.bundles import bundle_promote
from kyc_review.registry.models import Bundle
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import originals
from tests.factories.claims import claim_next
from tests.factories.pictures import jpeg_bytes

pytestmark = pytest.mark.django_db


def manifest_of(snapshot: Snapshot) -> dict:
    return json.loads(snapshot.manifest.read_bytes())


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def original_of(decision: Decision) -> Path:
    return Path(originals.path(decision.submission.image_key))


def test_the_manifest_says_exactly_what_was_decided_and_why(
    decide: Callable[..., Decision], registered: Callable[..., Bundle], staff: Callable[..., User]
) -> None:
    bundle_promote(actor=None, bundle=registered("v7"))
    fake, real = decide("fake", applicant_ref="p-1"), decide("real")
    snapshot = snapshot_create(name="first", actor=staff("ada", "admin"))
    manifest = manifest_of(snapshot)
    first, second = manifest.pop("items")
    assert re.fullmatch(r"[0-9a-f]{32}", applicant := first.pop("applicant"))
    assert first.pop("holdout") == is_held_out(applicant)
    assert first == {
        "path": f"images/{fake.submission.sha256}.jpg",
        "sha256": fake.submission.sha256,
        "label": "fake",
        "submission": str(fake.submission_id),
        "source": "mobile-app",
        "reason": "split_vote",
        "decided_at": fake.decided_at.isoformat(timespec="microseconds"),
        "bundle": "test-1",
        "fake_probability": 0.8,  # one person's answer, nothing known about the person
        "weight": 1.0,
        "audited": None,
        "sent_by_checks": False,
        "votes": [{"member": f"member-{i}", "probability": 0.8, "threshold": 0.5} for i in range(4)]
        + [{"member": "stack", "probability": 0.1, "threshold": 0.5}],
    }
    assert (second["submission"], second["label"]) == (str(real.submission_id), "real")
    assert second["applicant"] != applicant
    assert manifest == {
        "format": "kyc-review/snapshot/1",
        "name": "first",
        "created_at": snapshot.created_at.isoformat(timespec="microseconds"),
        "source_bundle": "v7",
        "choices": {},
        "counts": {"real": 1, "fake": 1},
        "digest": snapshot.digest,
    }
    assert (snapshot.count_real, snapshot.count_fake, snapshot.state) == (1, 1, "ready")
    assert snapshot.size_bytes == sum(p.stat().st_size for p in snapshot.directory.rglob("*") if p.is_file())
    actions = (
        Event.objects.filter(action__startswith="snapshot.").order_by("pk").values_list("action", flat=True)
    )
    assert list(actions) == ["snapshot.requested", "snapshot.frozen"]


def test_images_are_the_original_bytes_and_nobody_elses_to_read(decide: Callable[..., Decision]) -> None:
    decision = decide("fake")
    snapshot = snapshot_create()
    (image,) = (snapshot.directory / "images").iterdir()
    assert image.read_bytes() == original_of(decision).read_bytes()
    assert {path.stat().st_mode & 0o077 for path in (image, snapshot.manifest, snapshot.directory)} == {0}


def test_one_person_has_one_opaque_name_per_integration(decide: Callable[..., Decision]) -> None:
    for label, applicant in (("fake", "p-1"), ("real", "p-1"), ("real", "p-2"), ("real", "")):
        decide(label, applicant_ref=applicant)
    first, again, other, unknown = [item["applicant"] for item in manifest_of(snapshot_create())["items"]]
    assert first == again
    assert len({first, other, unknown}) == 3
    assert "p-1" not in Snapshot.objects.get().manifest.read_text()


def test_an_answer_of_which_one_person_was_unsure_teaches_less_than_that_of_two_sure_ones(
    enqueue: Callable[..., ReviewItem], alice: User, bob: User, settings: LazySettings
) -> None:
    settings.SECOND_REVIEW_SHARE = 1.0
    stated = {}
    for is_sure in (True, False):
        item = enqueue("split_vote", 0.4)
        for person in (alice, bob):
            answer = is_sure or person == bob
            decision_record(item_id=claim_next(person).pk, reviewer=person, label="fake", is_sure=answer)
        stated[is_sure] = str(item.submission_id)
    rows = manifest_of(snapshot_create(name="doubt"))["items"]
    found = {row["submission"]: row["fake_probability"] for row in rows}
    assert 0.5 < found[stated[False]] < found[stated[True]] < 1


def test_the_same_decisions_have_the_same_digest_under_any_name(decide: Callable[..., Decision]) -> None:
    decide("fake"), decide("real")
    first, second = snapshot_create(name="first"), snapshot_create(name="second")
    assert first.digest == second.digest
    assert first.manifest_sha256 != second.manifest_sha256
    decide("real")
    assert snapshot_create(name="third").digest != first.digest


def test_what_is_decided_after_the_request_is_not_in_it(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot = snapshot_request(actor=None)
    decide("real")
    assert manifest_of(snapshot_build(snapshot=snapshot))["counts"] == {"real": 0, "fake": 1}


def test_of_two_decisions_on_one_submission_the_later_counts(
    decide: Callable[..., Decision], bob: User
) -> None:
    first = decide("fake")
    item = ReviewItem.objects.create(
        submission=first.submission,
        reason="second_opinion",
        risk=0.5,
        state="decided",
        decided_at=timezone.now(),
    )
    Decision.objects.create(item=item, submission=first.submission, reviewer=bob, label="real", handling_ms=1)
    (only,) = manifest_of(snapshot_create())["items"]
    assert (only["label"], only["reason"]) == ("real", "second_opinion")


def test_an_unscored_submission_has_no_votes_and_no_bundle(
    submit: Callable[..., Submission], alice: User
) -> None:
    row = submit()
    type(row).objects.filter(pk=row.pk).update(state="completed", result="clear", completed_at=timezone.now())
    item = ReviewItem.objects.create(
        submission=row, reason="unscorable", risk=1.0, state="decided", decided_at=timezone.now()
    )
    Decision.objects.create(item=item, submission=row, reviewer=alice, label="real", handling_ms=1)
    (only,) = manifest_of(snapshot_create())["items"]
    assert (only["votes"], only["bundle"]) == ([], None)


def test_the_same_image_posted_twice_is_stored_once_and_listed_twice(decide: Callable[..., Decision]) -> None:
    decide("fake", image=jpeg_bytes(seed=9)), decide("fake", image=jpeg_bytes(seed=9))
    snapshot = snapshot_create()
    assert len(names_in(snapshot.directory / "images")) == 1
    assert len(manifest_of(snapshot)["items"]) == 2
    assert snapshot_verify(snapshot=snapshot) == 2


@pytest.mark.parametrize("damaged", ["image", "manifest", "missing"])
def test_verification_finds_what_was_changed(decide: Callable[..., Decision], damaged: str) -> None:
    decide("fake")
    snapshot = snapshot_create()
    (image,) = (snapshot.directory / "images").iterdir()
    if damaged == "image":
        image.write_bytes(b"x")
    elif damaged == "missing":
        image.unlink()
    else:
        snapshot.manifest.write_text(snapshot.manifest.read_text().replace("fake", "real"))
    with pytest.raises(SnapshotFailed, match="changed"):
        snapshot_verify(snapshot=snapshot)


def test_the_database_refuses_to_change_a_ready_snapshot(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot_create()
    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        Snapshot.objects.update(count_fake=7)


def test_nothing_decided_nothing_frozen() -> None:
    with pytest.raises(SnapshotFailed, match="no decisions"):
        snapshot_request(actor=None)
    assert not Snapshot.objects.exists()


@pytest.mark.parametrize("name", ["../up", "Upper", "a b", "-x", "x" * 61, ".hidden"])
def test_names_that_could_leave_the_folder_are_refused(decide: Callable[..., Decision], name: str) -> None:
    decide("fake")
    with pytest.raises(SnapshotFailed, match="is not a valid name"):
        snapshot_request(actor=None, name=name)


def test_a_name_is_used_once(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot_request(actor=None, name="first")
    with pytest.raises(SnapshotFailed, match="exists"):
        snapshot_request(actor=None, name="first")


def queries_for(count: int, decide: Callable) -> int:
    for _ in range(count):
        decide("fake")
    with CaptureQueriesContext(connection) as queries:
        snapshot_create(name=uuid.uuid4().hex)
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_the_set(decide: Callable[..., Decision]) -> None:
    assert queries_for(1, decide) == queries_for(12, decide)


def test_the_commands_create_list_export_and_verify(decide: Callable[..., Decision], tmp_path: Path) -> None:
    decide("fake")
    out = StringIO()
    call_command("snapshot", "create", "--name", "first", "--out", str(tmp_path / "away"), stdout=out)
    call_command("snapshot", "list", stdout=out)
    call_command("snapshot", "verify", "first", stdout=out)
    assert "0 real, 1 fake" in out.getvalue()
    assert "ready" in out.getvalue()
    assert "1 items, their images and the manifest are as they were frozen" in out.getvalue()
    copy = tmp_path / "away" / "first"
    assert str(copy / "manifest.json") in out.getvalue()
    snapshot = Snapshot.objects.get()
    assert hashlib.sha256((copy / "manifest.json").read_bytes()).hexdigest() == snapshot.manifest_sha256
    assert len(names_in(copy / "images")) == Submission.objects.count() == 1
    with pytest.raises(CommandError, match="no ready snapshot"):
        call_command("snapshot", "verify", "second", stdout=out)
