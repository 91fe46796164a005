"""Bundles in an S3 storage: stored whole or not promoted, copied to a machine once, damaged ones found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from detection import bundle as disk
from detection.bundle import BundleRefused
from kyc_review.registry import bundle_files, bundles
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import champion
from kyc_review.registry.states import model_card

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
