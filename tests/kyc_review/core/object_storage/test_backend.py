"""One storage, two stores: what is written once, what is read, listed and deleted."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File

from encrypted_files.stream import FileDamaged
from kyc_review.core.files import StorageUnavailable
from tests.factories.object_stores import Store

NAME = "ab/one.jpeg"


def content(data: bytes = b"pixels") -> File:
    return ContentFile(data)


def read(store: Store, name: str = NAME) -> bytes:
    with store.storage().open(name) as file:
        found: bytes = file.read()
        return found


def test_what_was_saved_is_read_listed_copied_and_deleted(store: Store, tmp_path: Path) -> None:
    storage = store.storage()
    assert storage.save(NAME, content()) == NAME
    assert read(store) == b"pixels"
    assert storage.exists(NAME)
    assert storage.size(NAME) == 6
    assert store.keys() == ["kyc-review/originals/ab/one.jpeg"]
    [listed] = storage.files_below("ab")
    assert (listed.name, listed.size_bytes) == (NAME, 6)
    # Some stores list parts of a second that the headers of HTTP do not have.
    assert listed.modified_at.replace(microsecond=0) == storage.get_modified_time(NAME)
    assert storage.listdir("ab") == ([], ["one.jpeg"])
    assert list(storage.files_below("a")) == []
    storage.copy_to(NAME, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"pixels"
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    storage.delete(NAME)
    storage.delete(NAME)  # safe to repeat
    assert not storage.exists(NAME)
    assert store.keys() == []


def test_a_missing_object_is_a_missing_file(store: Store, tmp_path: Path) -> None:
    storage = store.storage()
    with pytest.raises(FileNotFoundError):
        storage.open(NAME)
    with pytest.raises(FileNotFoundError):
        storage.size(NAME)
    with pytest.raises(FileNotFoundError):
        storage.copy_to(NAME, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
    assert list(storage.files_below("ab")) == []


def test_a_missing_bucket_is_no_missing_file(store: Store) -> None:
    """Or else a wrong setting would look like lost pictures."""
    store.client.delete_bucket(Bucket=store.bucket)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        store.storage().open(NAME)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        list(store.storage().files_below("ab"))


def test_a_store_that_honours_conditions_never_writes_over_an_original(moto_store: Store) -> None:
    moto_store.storage().save(NAME, content(b"first"))
    with pytest.raises(FileExistsError):
        moto_store.storage().save(NAME, content(b"second"))
    assert read(moto_store) == b"first"


def test_a_store_that_refuses_conditions_is_asked_first(store: Store) -> None:
    storage = store.storage(has_conditions=False)
    storage.save(NAME, content(b"first"))
    with pytest.raises(FileExistsError):
        storage.save(NAME, content(b"second"))
    storage.save(NAME, content(b"first"))  # a repetition
    assert read(store) == b"first"


def test_the_same_content_again_is_a_repetition_and_no_error(store: Store) -> None:
    store.storage().save(NAME, content())
    assert store.storage().save(NAME, content()) == NAME


def test_a_derivative_is_replaced_and_so_is_an_original_on_purpose(store: Store) -> None:
    derivatives = store.storage("derivatives", write_once=False)
    for data in (b"first", b"second"):
        derivatives.save(NAME, content(data))
    with derivatives.open(NAME) as file:
        assert file.read() == b"second"
    store.storage().save(NAME, content(b"plain"))
    store.storage().replace(NAME, content(b"encrypted"))
    assert read(store) == b"encrypted"


@pytest.mark.parametrize("data", [b"", b"x" * 3_000_000])
def test_contents_of_every_size(store: Store, data: bytes) -> None:
    store.storage().save(NAME, content(data))
    assert read(store) == data


def test_a_versioned_bucket_keeps_nothing_of_what_was_deleted_or_replaced(moto_store: Store) -> None:
    """An erased picture must not stay as an older version, nor a plain one after it was encrypted."""
    moto_store.keep_versions()
    storage = moto_store.storage()
    storage.save(NAME, content(b"plain"))
    storage.save(f"{NAME}2", content(b"its neighbour"))
    storage.replace(NAME, content(b"encrypted"))
    assert sorted(moto_store.versions()) == [storage.key(NAME), storage.key(f"{NAME}2")]
    storage.delete(NAME)
    assert moto_store.versions() == [storage.key(f"{NAME}2")]


def test_a_folder_is_deleted_alone(store: Store) -> None:
    storage = store.storage()
    for name in ("ab/one", "ab/more/two", "abc"):
        storage.save(name, content())
    storage.delete_below("ab", keep={"ab/one"})
    assert store.keys() == [storage.key("ab/one"), storage.key("abc")]
    storage.delete_below("ab")
    assert store.keys() == [storage.key("abc")]


def test_an_interrupted_deletion_is_finished_by_the_next_one(
    moto_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto_store.keep_versions()
    storage = moto_store.storage()
    for name in ("ab/one", "ab/two", "abc"):
        storage.save(name, content())
    moto_store.interrupt_next_deletion(monkeypatch)
    with pytest.raises(StorageUnavailable):
        storage.delete_below("ab")
    storage.delete_below("ab", keep={"ab/two"})
    assert sorted(moto_store.versions()) == [storage.key("ab/two"), storage.key("abc")]
    moto_store.interrupt_next_deletion(monkeypatch)
    with pytest.raises(StorageUnavailable):
        storage.delete("abc")
    storage.delete("abc")
    assert moto_store.versions() == [storage.key("ab/two")]


def test_a_long_listing_is_read_page_by_page(moto_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = moto_store.storage()
    names = [f"ab/{number:02}.jpeg" for number in range(7)]
    for name in names:
        storage.save(name, content())
    ask = moto_store.client.list_objects_v2
    monkeypatch.setattr(moto_store.client, "list_objects_v2", lambda **asked: ask(**asked, MaxKeys=3))
    assert [file.name for file in storage.files_below("ab")] == names


def test_a_wrong_secret_is_refused_and_said(
    rclone: tuple[str, Path], bucket_at: Callable[[str], Store]
) -> None:
    stranger = bucket_at(rclone[0]).storage(secret_access_key="of-somebody-else")
    with pytest.raises(StorageUnavailable, match="SignatureDoesNotMatch"):
        stranger.save(NAME, content())


def test_an_object_that_was_exchanged_in_the_store_is_refused(moto_store: Store) -> None:
    storage = moto_store.storage()
    storage.save(NAME, content())
    moto_store.client.put_object(
        Bucket=moto_store.bucket,
        Key=storage.key(NAME),
        Body=b"another",
        Metadata={"sha256": hashlib.sha256(b"pixels").hexdigest()},
    )
    with pytest.raises(FileDamaged, match="is not what was written"):
        read(moto_store)


def test_the_checksum_of_the_whole_object_travels_with_it(moto_store: Store) -> None:
    storage = moto_store.storage()
    storage.save(NAME, content())
    found = moto_store.client.head_object(
        Bucket=moto_store.bucket, Key=storage.key(NAME), ChecksumMode="ENABLED"
    )
    assert found["Metadata"] == {"sha256": hashlib.sha256(b"pixels").hexdigest()}
    assert found["ChecksumSHA256"]


def test_a_private_file_has_neither_path_nor_address(moto_store: Store) -> None:
    storage = moto_store.storage()
    assert storage.local_path(NAME) is None
    with pytest.raises(ValueError, match="no URL"):
        storage.url(NAME)
    with pytest.raises(NotImplementedError):
        storage.path(NAME)


def test_boto3_is_loaded_by_the_first_request_only() -> None:
    code = (
        "import sys; from kyc_review.core.object_storage import ObjectStorage as S; "
        "S(bucket='b', prefix='p', access={}, write_once=True); assert 'botocore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
