"""Bundles in an S3 storage: stored whole or not promoted, copied to a machine once, damaged ones found."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import connection, transaction

from detection import bundle as disk
from detection.bundle import BundleRefused
from kyc_review.accounts.models import User
from kyc_review.core.db.locks import lock_if_free
from kyc_review.registry import bundle_files, bundles
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import champion
from kyc_review.registry.states import model_card
from kyc_review.training.models import Comparison, Proposal
from kyc_review.training.proposals import proposal_approve, proposal_open
from tests.factories.object_stores import Disturbance, Store

pytestmark = pytest.mark.django_db


def unreachable(name: str, mode: str = "rb") -> None:
    raise ConnectionError("reset by peer")


@pytest.fixture
def stored(in_bucket: dict[str, Storage]) -> Storage:
    return in_bucket["bundles"]


@pytest.fixture
def row(stored: Storage, made_bundle: Callable[..., Path], machine: Callable[[str], Path]) -> Bundle:
    machine("trainer")
    source = made_bundle("v1")
    (source / disk.MODEL_CARD).write_text("# Card")
    return bundles.bundle_register(path=source, source="trained")


def put(storage: Storage, key: str, content: bytes) -> None:
    storage.delete(key)
    storage.save(key, ContentFile(content))


def test_a_registered_bundle_is_in_the_storage_and_nowhere_else(
    row: Bundle, stored: Storage, made_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    _, names = stored.listdir(row.digest)
    assert sorted(names) == sorted([*bundle_files.file_names(row)])
    assert len(names) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "trainer"]
    assert list((tmp_path / "trainer").iterdir()) == []
    bundles.bundle_promote(bundle=row, actor=None)
    assert (champion(), model_card(row), bundle_files.place_of(row)) == (
        row,
        "# Card",
        f"bundles/{row.digest}",
    )
    with bundle_files.file_open(row, "one.safetensors") as file:
        assert file.read() == b"v1 one"


def test_another_machine_copies_it_once_and_heals_its_copy(
    row: Bundle, stored: Storage, machine: Callable[[str], Path]
) -> None:
    scorer = machine("scorer")
    with bundle_files.bundle_folder(row) as folder:
        assert folder == scorer / "copies" / "bundles" / row.digest
        assert disk.read(folder).digest == row.digest
        assert (folder / disk.MODEL_CARD).read_text() == "# Card"
    (folder / "two.safetensors").write_text("rotten")
    with bundle_files.bundle_folder(row) as folder:
        assert disk.read(folder).digest == row.digest
    put(stored, f"{row.digest}/two.safetensors", b"rotten")
    with bundle_files.bundle_folder(row) as folder:  # the copy is sound
        assert disk.read(folder).digest == row.digest
    with pytest.raises(BundleRefused, match=r"two\.safetensors: SHA-256"):
        bundle_files.bundle_check(row)


@pytest.mark.parametrize("damage", ["changed", "missing", "manifest", "no manifest", "unreachable"])
def test_what_the_storage_does_not_have_whole_is_neither_promoted_nor_loaded(
    row: Bundle,
    stored: Storage,
    machine: Callable[[str], Path],
    registered: Callable[..., Bundle],
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    other = registered("v2")
    bundles.bundle_promote(bundle=other, actor=None)
    manifest = f"{row.digest}/{disk.MANIFEST}"
    if damage == "changed":
        put(stored, f"{row.digest}/one.safetensors", b"poison")
    elif damage == "missing":
        stored.delete(f"{row.digest}/stack.safetensors")
    elif damage == "manifest":
        put(stored, manifest, stored.open(manifest).read().replace(b'"threshold": 0.5', b'"threshold": 0.9'))
    elif damage == "no manifest":
        stored.delete(manifest)
    else:
        monkeypatch.setattr(stored, "open", unreachable)
    with pytest.raises(BundleRefused, match=row.digest):
        bundles.bundle_promote(bundle=row, actor=None)
    assert champion() == other
    scorer = machine("scorer")
    with pytest.raises(BundleRefused), bundle_files.bundle_folder(row):
        pass
    assert [path.name for path in (scorer / "copies" / "bundles").iterdir()] == [".lock"]


def test_a_registration_that_was_interrupted_is_no_bundle_and_the_next_completes_it(
    stored: Storage, made_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, save = made_bundle("v1"), stored.save
    saved: list[str] = []

    def interrupted(name: str, content: Any) -> str:
        if len(saved) == 3:
            raise ConnectionError("reset by peer")
        saved.append(name)
        return save(name, content)

    monkeypatch.setattr(stored, "save", interrupted)
    with pytest.raises(ConnectionError):
        bundles.bundle_register(path=source, source="trained")
    assert not Bundle.objects.exists()
    assert not any(name.endswith(disk.MANIFEST) for name in saved)
    monkeypatch.setattr(stored, "save", save)
    bundle_files.bundle_check(bundles.bundle_register(path=source, source="trained"))


def test_adding_a_bundle_again_replaces_what_is_damaged_in_the_storage(
    row: Bundle, stored: Storage, tmp_path: Path
) -> None:
    put(stored, f"{row.digest}/three.safetensors", b"rotten")
    stored.delete(f"{row.digest}/four.safetensors")
    assert bundles.bundle_register(path=tmp_path / "made" / "v1", source="trained") == row
    bundle_files.bundle_check(row)


@pytest.fixture
def silent(
    moto_store: Store, disturbance: Disturbance, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Disturbance]:
    """silent(timeout_s) puts a storage in the place of that of bundles which does not answer."""

    def make(timeout_s: float) -> Disturbance:
        storage = moto_store.storage("bundles", write_once=False, url=disturbance.url, timeout_s=timeout_s)
        monkeypatch.setitem(storages.__dict__["_storages"], "bundles", storage)
        disturbance.is_silent = True
        return disturbance

    return make


def in_own_connection(call: Callable[[], object]) -> object:
    try:
        return call()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["rollback", "promotion", "approval"])
def test_no_lock_is_held_while_the_storage_is_silent(
    stored: Storage,
    machine: Callable[[str], Path],
    comparison: Comparison,
    staff: Callable[..., User],
    silent: Callable[[float], Disturbance],
    change: str,
) -> None:
    machine("web")
    ada, amir = staff("ada", "admin"), staff("amir", "admin")
    before, after = comparison.champion, comparison.candidate
    proposal = proposal_open(comparison=comparison, actor=ada, reason="It catches more.")
    if change == "rollback":
        bundles.bundle_promote(bundle=after, actor=None)
        before, after = after, before
    call = {
        "rollback": lambda: bundles.bundle_rollback(actor=ada, leaving=before.digest),
        "promotion": lambda: bundles.bundle_promote(bundle=after, actor=None),
        "approval": lambda: proposal_approve(proposal=proposal, actor=amir),
    }[change]
    disturbance = silent(30)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(in_own_connection, call)
        until = time.monotonic() + 20
        while not disturbance.seen and time.monotonic() < until:
            time.sleep(0.01)
        assert disturbance.seen
        with transaction.atomic():
            assert lock_if_free(bundles.PROMOTION_LOCK)
            Proposal.objects.select_for_update(nowait=True).get()
        assert champion() == before
        disturbance.end()
        made.result(20)
    assert champion() == after


def test_a_rollback_needs_no_storage_where_a_sound_copy_is(
    stored: Storage,
    machine: Callable[[str], Path],
    registered: Callable[..., Bundle],
    silent: Callable[[float], Disturbance],
) -> None:
    scorer = machine("scorer")
    good, bad = registered("v1"), registered("v2")
    for row in (good, bad):
        bundles.bundle_promote(bundle=row, actor=None)
    with bundle_files.bundle_folder(good) as folder:
        pass
    silent(0.1)
    machine("another")
    with pytest.raises(BundleRefused, match="is it reachable"):
        bundles.bundle_rollback(actor=None, leaving=bad.digest)
    assert (scorer, machine("scorer")) == (folder.parents[2], scorer)
    bundles.bundle_rollback(actor=None, leaving=bad.digest)
    assert champion() == good
    with pytest.raises(BundleRefused, match="is it reachable"):  # what has not been in production
        bundles.bundle_promote(bundle=bad, actor=None)
    (folder / "one.safetensors").write_text("rotten")
    with pytest.raises(BundleRefused, match="is it reachable"):
        bundle_files.bundle_check(good, copy_counts=True)
