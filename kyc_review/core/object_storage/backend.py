"""A bucket as a storage of Django: whole objects, one request for each read and write."""

from __future__ import annotations

import errno
import hashlib
import os
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from encrypted_files.stream import FileDamaged
from kyc_review.core.files import StorageUnavailable, StoredFile, new_file
from kyc_review.core.object_storage.client import Access, AlreadyThere, Connection, connection_to
from kyc_review.core.transfers import piece_moved

CHUNK_BYTES = 1 << 20
# Between two of what arrives a lease is renewed: 128 kB within each minute are enough to keep one.
PIECE_BYTES = 128 << 10
# Of an object that is read; a larger one goes to a temporary file. No picture is that large.
MEMORY_MAX_BYTES = 32 << 20
# User metadata of each object: the SHA-256 of its content, in hexadecimal.
DIGEST = "sha256"
CHANGED = "{} is not what was written: its SHA-256 is another one. Restore it from a backup."


@dataclass(frozen=True, slots=True)
class Digests:
    sha256: bytes
    md5: bytes


@deconstructible(path="kyc_review.core.object_storage.ObjectStorage")
class ObjectStorage(Storage):
    """The objects `<prefix>/<name>` of a bucket; up to 5 GB each, the limit of one PUT.

    write_once: an object that exists is never replaced by `save`, only by `replace`. has_conditions: the store does
    not refuse `If-None-Match: *` in a PUT; with False, `save` looks first, and does not tell two writers at once apart.
    No writer relies on either: names are unique, and reads compare the digest.

    All methods raise StorageUnavailable when the store does not answer or refuses, and reads FileDamaged.
    """

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str,
        access: Mapping[str, Any],
        write_once: bool,
        has_conditions: bool = True,
    ) -> None:
        self.bucket, self.prefix, self.write_once = bucket, prefix, write_once
        self.access, self.has_conditions = Access(**access), has_conditions

    @property
    def connection(self) -> Connection:
        return connection_to(self.access)

    def key(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def _target(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key(name)}

    # --- reading --------------------------------------------------------------------------------------------
    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Stored objects are only read, or written as a whole.")
        file = SpooledTemporaryFile(max_size=MEMORY_MAX_BYTES)  # noqa: SIM115  # the caller closes it
        try:
            self._fetch(name, cast(IO[bytes], file))
        except BaseException:
            file.close()
            raise
        return File(cast(IO[bytes], file), name)

    def local_path(self, name: str) -> str | None:
        return None

    def copy_to(self, name: str, path: Path) -> None:
        """A private copy of the object on this machine, gone after a failure. Raises FileExistsError."""
        with new_file(path) as file:
            self._fetch(name, file)

    def _fetch(self, name: str, file: IO[bytes]) -> None:
        """The content, from the beginning of `file`; asked for again when it breaks off or is not what was written."""
        for is_last in (False, True):
            file.seek(0)
            file.truncate()
            with self.connection.request(name) as client:
                found = client.get_object(**self._target(name), ChecksumMode="ENABLED")
            try:
                self._receive(name, found, file)
            except (FileDamaged, StorageUnavailable):
                if is_last:
                    raise
            else:
                break
        file.seek(0)

    def _receive(self, name: str, found: dict[str, Any], file: IO[bytes]) -> None:
        from botocore.exceptions import FlexibleChecksumError

        digest = hashlib.sha256()
        try:
            with self.connection.request(name), closing(found["Body"]) as body:
                for piece in body.iter_chunks(PIECE_BYTES):
                    piece_moved()
                    digest.update(piece)
                    file.write(piece)
        except StorageUnavailable as failed:
            if isinstance(failed.__cause__, FlexibleChecksumError):
                raise FileDamaged(name, CHANGED.format(self.key(name))) from failed
            raise
        written = found["Metadata"].get(DIGEST)
        if written is not None and written != digest.hexdigest():
            raise FileDamaged(name, CHANGED.format(self.key(name)))

    def exists(self, name: str) -> bool:
        return self._head(name) is not None

    def size(self, name: str) -> int:
        return int(self._head_of_existing(name)["ContentLength"])

    def get_modified_time(self, name: str) -> datetime:
        return cast(datetime, self._head_of_existing(name)["LastModified"])

    def _head(self, name: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        with self.connection.request(name) as client:
            try:
                return cast(dict[str, Any], client.head_object(**self._target(name)))
            except ClientError as refused:
                if (
                    refused.response.get("Error", {}).get("Code") == "404"
                ):  # a HEAD has no body that says of what
                    return None
                raise

    def _head_of_existing(self, name: str) -> dict[str, Any]:
        if (found := self._head(name)) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return found

    def files_below(self, folder: str = "") -> Iterator[StoredFile]:
        """All objects whose names begin with `<folder>/`, a thousand in a request; without it, all."""
        asked = {"Bucket": self.bucket, "Prefix": self.key(f"{folder}/" if folder else "")}
        for page in self._pages("list_objects_v2", asked, {"ContinuationToken": "NextContinuationToken"}):
            for found in page.get("Contents", ()):
                name = found["Key"][len(self.prefix) + 1 :]
                yield StoredFile(name, found["Size"], found["LastModified"])

    def _pages(
        self, operation: str, asked: dict[str, str], following: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        """following: what the next request asks with, and where the answer has it.

        A paginator of boto3 would be in one request while the caller of the generator makes others.
        """
        while True:
            with self.connection.request(asked["Prefix"]) as client:
                page = getattr(client, operation)(**asked)
            yield page
            if not page.get("IsTruncated"):
                return
            asked |= {name: page[place] for name, place in following.items()}

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        below = [file.name.removeprefix(f"{path}/") for file in self.files_below(path)]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        return sorted(folders), [name for name in below if "/" not in name]

    # --- writing --------------------------------------------------------------------------------------------
    def _save(self, name: str, content: File) -> str:
        digests = digests_of(content)
        if not self.write_once:
            self.put(name, content, digests)
            return name
        try:
            if not self.has_conditions and self.exists(name):
                raise AlreadyThere(name)
            self.put(name, content, digests, **({"IfNoneMatch": "*"} if self.has_conditions else {}))
        except AlreadyThere:
            # Its answer may have been lost: then the object is this content, and the write succeeded.
            with self._open(name) as there:
                if digests_of(there) != digests:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None
        return name

    def replace(self, name: str, content: File) -> None:
        """Put another content in the place of an object, in one step; a versioned bucket keeps no earlier one."""
        self.put(name, content, digests_of(content))

    def put(self, name: str, content: File, digests: Digests, **condition: str) -> None:
        """One write. digests: of the content, which the store compares. condition: headers. Raises AlreadyThere."""
        content.seek(0)
        with _interruptible(), self.connection.request(name) as client:
            answer = client.put_object(
                **self._target(name),
                Body=_Sent(content),
                ContentType="application/octet-stream",
                # Of the whole object: the store refuses a content that arrives changed, by the one that it knows.
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=b64encode(digests.sha256).decode(),
                ContentMD5=b64encode(digests.md5).decode(),
                Metadata={DIGEST: digests.sha256.hex()},
                **condition,
            )
        if "VersionId" in answer and not condition:
            self._versions_remove(name, but=answer["VersionId"])

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # names are unique by construction

    def delete(self, name: str) -> None:
        self.delete_versions(name)

    def delete_versions(self, name: str) -> bool:
        """The object and, in a versioned bucket, every version of it: an erased picture must not be kept.

        Returns whether the bucket keeps versions.
        """
        with self.connection.request(name) as client:
            answer = client.delete_object(**self._target(name))
        has_versions = bool(answer.get("DeleteMarker"))
        if has_versions:
            self._versions_remove(name)
        return has_versions

    def delete_below(self, folder: str, *, keep: Collection[str] = ()) -> None:
        """All objects whose names begin with `<folder>/`, and every version of them, but for these names.

        Two listings, and a request for each object. Safe to repeat: an interrupted run may have left versions of
        objects that the first listing no longer has.
        """
        for file in self.files_below(folder):
            if file.name not in keep:
                self.delete(file.name)
        try:
            for name, version in self._versions(self.key(f"{folder}/")):
                if name not in keep:
                    self._version_remove(name, version)
        except StorageUnavailable as refused:
            if not _knows_no_versions(refused):
                raise

    def stray_versions_remove(self) -> int:
        """Versions that are not the latest, and marks of deletion, of all objects: what interrupted writes and
        deletions left. Returns how many. For a bucket in which nothing else writes: one listing, twice if it keeps
        versions.
        """
        removed = 0
        try:
            for is_mark in (False, True):  # a mark that went first would bring the version under it back
                for name, version in self._versions(f"{self.prefix}/", strays_of=is_mark):
                    self._version_remove(name, version)
                    removed += 1
        except StorageUnavailable as refused:
            if not _knows_no_versions(refused):
                raise
        return removed

    def _versions_remove(self, name: str, but: str = "") -> None:
        for found, version in self._versions(self.key(name)):
            if found == name and version != but:
                self._version_remove(name, version)

    def _versions(self, prefix: str, *, strays_of: bool | None = None) -> Iterator[tuple[str, str]]:
        """Name and version of each version and mark of deletion; in a bucket that keeps none, of each object.

        strays_of: only marks of deletion (True), or only versions that are not the latest (False).
        """
        following = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
        for page in self._pages("list_object_versions", {"Bucket": self.bucket, "Prefix": prefix}, following):
            versions, marks = page.get("Versions", ()), page.get("DeleteMarkers", ())
            if strays_of is not None:
                versions = [one for one in versions if not strays_of and not one["IsLatest"]]
                marks = marks if strays_of else ()
            for found in (*versions, *marks):
                yield found["Key"][len(self.prefix) + 1 :], found["VersionId"]

    def _version_remove(self, name: str, version: str) -> None:
        with self.connection.request(name) as client:
            client.delete_object(**self._target(name), VersionId=version)

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no URL.")


class _Interrupted(BaseException):
    """What ends a transfer, past boto3, which takes every Exception for one of the network and tries again."""

    def __init__(self, reason: Exception) -> None:
        self.reason = reason


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except _Interrupted as interrupted:
        raise interrupted.reason from None


class _Sent:
    """A content that says when a piece of it is read to be sent."""

    def __init__(self, content: File) -> None:
        self.seek, self.tell, self._content = content.seek, content.tell, content

    def read(self, size: int = -1) -> bytes:
        try:
            piece_moved()
        except Exception as reason:
            raise _Interrupted(reason) from reason
        return cast(bytes, self._content.read(size))


def _knows_no_versions(refused: StorageUnavailable) -> bool:
    """Whether the store has no such request; then it keeps no versions, either."""
    response: dict[str, Any] = getattr(refused.__cause__, "response", {})
    return response.get("Error", {}).get("Code") in ("NotImplemented", "MethodNotAllowed")


def digests_of(content: File) -> Digests:
    """Of the whole content, which is read from its beginning."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for piece in content.chunks(CHUNK_BYTES):
        sha256.update(piece)
        md5.update(piece)
    return Digests(sha256.digest(), md5.digest())
