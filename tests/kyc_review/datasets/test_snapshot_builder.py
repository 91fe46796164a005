"""Building a snapshot's files: what stops it, and that no kill leaves it incomplete."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from kyc_review.audit.models import Event
from kyc_review.core import folders
from kyc_review.datasets import snapshot_builder
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_builder import LeaseLost
from kyc_review.datasets.snapshot_files import SnapshotFailed
from kyc_review.datasets.snapshot_pictures import SnapshotPictures
from kyc_review.datasets.snapshots import (
    snapshot_build,
    snapshot_create,
    snapshot_request,
    snapshot_verify,
    snapshots_build_due,
)
from kyc_review.review.models import Decision
from kyc_review.submissions.storage import originals

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[3]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def original_of(decision: Decision) -> Path:
    return Path(originals.path(decision.submission.image_key))


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_lost_or_changed_original_stops_the_snapshot(decide: Callable[..., Decision], damage: str) -> None:
    decide("real")
    decision = decide("fake")
    if damage == "changed":
        original_of(decision).write_bytes(b"something else")
    else:
        original_of(decision).unlink()
    with pytest.raises(SnapshotFailed, match=rf"{decision.submission_id} (is|was) {damage}"):
        snapshot_create()
    row = Snapshot.objects.get()
    assert row.state == Snapshot.State.FAILED
    assert str(decision.submission_id) in row.error
    assert names_in(row.directory.parent) == []
    assert Event.objects.filter(action="snapshot.failed").count() == 1


def test_a_full_disk_fails_the_snapshot_with_its_reason(
    decide: Callable[..., Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("fake")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SnapshotPictures, "write", full)
    with pytest.raises(SnapshotFailed, match="No space left"):
        snapshot_create()
    assert Snapshot.objects.get().state == Snapshot.State.FAILED
    assert names_in(settings.DATA_DIR / "snapshots") == []


def test_a_build_that_is_interrupted_leaves_nothing_half_and_is_built_again(
    decide: Callable[..., Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("fake")
    snapshot = snapshot_request(actor=None)
    with monkeypatch.context() as patch:
        patch.setattr(folders, "publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            snapshot_build(snapshot=snapshot)
    assert names_in(snapshot.directory.parent) == []
    assert Snapshot.objects.get().state == Snapshot.State.PENDING
    assert snapshots_build_due() == 1
    assert Snapshot.objects.get().state == Snapshot.State.READY


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


BUILD = "import django; django.setup(); from kyc_review.datasets.snapshots import *; snapshots_build_due()"


@pytest.mark.django_db(transaction=True)
def test_a_build_killed_in_the_middle_leaves_nothing_half_and_is_healed_by_the_sweep(
    decide: Callable[..., Decision],
) -> None:
    decide("real")
    blocked = original_of(decide("fake"))
    kept = blocked.read_bytes()
    blocked.unlink()
    os.mkfifo(blocked)  # the builder waits at the second image
    snapshot = snapshot_request(actor=None, name="killed")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "kyc_review.settings",
        "DATA_DIR": str(settings.DATA_DIR),
    }
    test_name = connection.settings_dict["NAME"]
    environment["DATABASE_URL"] = re.sub(
        r"/[^/?]*(\?|$)", rf"/{test_name}\1", os.environ["DATABASE_URL"], count=1
    )
    child = subprocess.Popen([sys.executable, "-c", BUILD], env=environment, cwd=ROOT)
    root = snapshot.directory.parent
    try:
        wait_for(lambda: any(root.glob(".building-*/images/*")), child)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    blocked.unlink()
    blocked.write_bytes(kept)
    assert not snapshot.directory.exists()
    assert Snapshot.objects.get().state == Snapshot.State.BUILDING
    assert snapshots_build_due() == 0  # the dead one's lease still runs
    Snapshot.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert snapshots_build_due() == 1
    assert names_in(root) == ["killed"]
    assert snapshot_verify(snapshot=Snapshot.objects.get()) == 2


def wait_for(condition: Callable[[], bool], child: subprocess.Popen) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_builder_whose_lease_was_taken_over_writes_nothing(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot = snapshot_request(actor=None)
    Snapshot.objects.update(
        state="building", lease_holder="somebody", due_at=timezone.now() + timedelta(hours=1)
    )
    with pytest.raises(LeaseLost):
        snapshot_builder.build(snapshot, "late")
    with pytest.raises(LeaseLost):
        snapshot_build(snapshot=snapshot)
    assert (names_in(snapshot.directory.parent), Snapshot.objects.get().lease_holder) == ([], "somebody")


def test_a_set_that_kills_its_worker_fails_after_three_attempts(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot_request(actor=None)
    Snapshot.objects.update(state="building", lease_holder="dead", attempts=3, due_at=timezone.now())
    assert snapshots_build_due() == 0
    row = Snapshot.objects.get()
    assert row.state == Snapshot.State.FAILED
    assert "Building stopped 3 times" in row.error


def test_what_dead_builders_left_is_swept_and_living_ones_stay(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot = snapshot_request(actor=None)
    Snapshot.objects.update(
        state="building", lease_holder="living", due_at=timezone.now() + timedelta(hours=1)
    )
    for holder in ("living", "dead"):
        (snapshot.directory.parent / f".building-{snapshot.pk}-{holder}" / "images").mkdir(parents=True)
    snapshots_build_due()
    assert names_in(snapshot.directory.parent) == [f".building-{snapshot.pk}-living"]


def test_a_folder_left_between_rename_and_commit_is_replaced(decide: Callable[..., Decision]) -> None:
    decide("fake")
    snapshot = snapshot_request(actor=None)
    (snapshot.directory / "images").mkdir(parents=True)
    (snapshot.directory / "images" / "stray.jpg").write_bytes(b"x")
    snapshot_verify(snapshot=snapshot_build(snapshot=snapshot))
    assert len(names_in(snapshot.directory / "images")) == 1
    assert names_in(snapshot.directory.parent) == [snapshot.name]


def test_an_unexpected_error_in_one_snapshot_stops_no_other(
    decide: Callable[..., Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide("fake")
    first, second = (snapshot_request(actor=None, name=name) for name in ("first", "second"))
    build = snapshot_builder.build

    def fail_the_first(snapshot: Snapshot, holder: str) -> None:
        if snapshot.pk == first.pk:
            raise KeyError("no such format")
        build(snapshot, holder)

    monkeypatch.setattr(snapshot_builder, "build", fail_the_first)
    assert snapshots_build_due() == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (Snapshot.State.PENDING, Snapshot.State.READY)
