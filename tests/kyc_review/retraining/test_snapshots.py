import hashlib
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from kyc_review.retraining import snapshots
from kyc_review.retraining.models import Snapshot
from kyc_review.retraining.selectors import label_counts, unused_decisions
from kyc_review.retraining.snapshots import (
    SnapshotFailed,
    snapshot_build,
    snapshot_request,
    snapshot_verify,
    snapshots_build_due,
)
from kyc_review.submissions.storage import originals

pytestmark = pytest.mark.django_db


def test_every_decision_becomes_a_labelled_example(decide) -> None:
    fake, real = decide("fake", applicant_ref="p-1"), decide("real")
    snapshot = snapshot_build(snapshot=snapshot_request(name="first"))
    manifest = json.loads((snapshot.directory / "manifest.json").read_bytes())
    assert (manifest["format"], manifest["counts"]) == ("kyc-review/snapshot/1", {"real": 1, "fake": 1})
    first, second = manifest["items"]
    assert (first["submission"], first["label"]) == (str(fake.submission_id), "fake")
    assert (second["submission"], second["label"]) == (str(real.submission_id), "real")
    assert (first["applicant"], first["source"], first["reason"]) == ("p-1", "mobile-app", "split_vote")
    assert [vote["member"] for vote in first["votes"]] == [
        "member-0",
        "member-1",
        "member-2",
        "member-3",
        "stack",
    ]
    assert first["bundle"] == "d" * 64
    image = (snapshot.directory / first["path"]).read_bytes()
    assert hashlib.sha256(image).hexdigest() == first["sha256"] == fake.submission.sha256


def test_the_same_decisions_freeze_to_the_same_bytes(decide) -> None:
    decide("fake"), decide("real")
    snapshot = snapshot_request(name="first")
    digest = snapshot_build(snapshot=snapshot).digest
    snapshot.items.all().delete()
    snapshot.state, snapshot.digest, snapshot.ready_at = Snapshot.State.PENDING, "", None
    snapshot.save()
    decide("fake")  # made after the request: not in it
    assert snapshot_build(snapshot=snapshot).digest == digest


def test_an_original_that_was_changed_stops_the_snapshot(decide) -> None:
    submission = decide("fake").submission
    Path(originals.path(submission.image_key)).write_bytes(b"something else")
    snapshot = snapshot_request()
    with pytest.raises(SnapshotFailed, match=str(submission.pk)):
        snapshot_build(snapshot=snapshot)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.FAILED
    assert "changed" in snapshot.error
    assert not snapshot.directory.exists()


def test_a_missing_original_stops_the_snapshot(decide) -> None:
    originals.delete(decide("fake").submission.image_key)
    with pytest.raises(SnapshotFailed, match="missing"):
        snapshot_build(snapshot=snapshot_request())


def test_a_build_that_dies_leaves_nothing_half_and_is_built_again(decide, monkeypatch) -> None:
    decide("fake")
    snapshot = snapshot_request()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(snapshots.audit, "record", die)
        with pytest.raises(KeyboardInterrupt):
            snapshot_build(snapshot=snapshot)
    assert not snapshot.directory.exists()
    assert list(snapshot.directory.parent.iterdir()) == []
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.PENDING
    assert snapshots_build_due() == 1
    assert Snapshot.objects.get().state == Snapshot.State.READY


def test_a_set_that_kills_its_worker_fails_after_three_attempts(decide, monkeypatch) -> None:
    decide("fake")
    snapshot_request()
    monkeypatch.setattr(
        snapshots, "snapshot_build", lambda snapshot: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            snapshots_build_due()
        Snapshot.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert snapshots_build_due() == 0
    assert Snapshot.objects.get().state == Snapshot.State.FAILED


def test_verification_finds_a_changed_image(decide) -> None:
    decide("fake")
    snapshot = snapshot_build(snapshot=snapshot_request())
    assert snapshot_verify(snapshot=snapshot) == 1
    next((snapshot.directory / "images").iterdir()).write_bytes(b"x")
    with pytest.raises(SnapshotFailed, match="changed"):
        snapshot_verify(snapshot=snapshot)


def test_nothing_decided_nothing_frozen() -> None:
    with pytest.raises(SnapshotFailed, match="no decisions"):
        snapshot_request()


def test_a_name_is_used_once(decide) -> None:
    decide("fake")
    snapshot_request(name="first")
    with pytest.raises(SnapshotFailed, match="exists"):
        snapshot_request(name="first")


def test_the_number_of_queries_does_not_grow_with_the_set(decide, django_assert_max_num_queries) -> None:
    for label in ("fake", "real", "fake", "real", "fake", "real"):
        decide(label)
    snapshot = snapshot_request()
    with django_assert_max_num_queries(8):
        snapshot_build(snapshot=snapshot)


def test_counts_and_what_is_not_used_yet(decide) -> None:
    decide("fake"), decide("real")
    snapshot_build(snapshot=snapshot_request())
    later = decide("fake")
    assert list(unused_decisions()) == [later]
    assert [(row["label"], row["count"]) for row in label_counts()] == [("fake", 2), ("real", 1)]


def test_the_commands_create_list_and_verify(decide) -> None:
    decide("fake")
    out = StringIO()
    call_command("snapshot", "create", "--name", "first", stdout=out)
    call_command("snapshot", "list", stdout=out)
    call_command("snapshot", "verify", "first", stdout=out)
    assert "0 real, 1 fake" in out.getvalue()
    assert "ready" in out.getvalue()
    assert "1 images and the manifest are as they were frozen" in out.getvalue()
