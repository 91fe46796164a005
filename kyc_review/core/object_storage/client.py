"""The connection to an object storage, and what its errors mean."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kyc_review.core.files import StorageUnavailable

CONNECTIONS_MAX = 64
TRIES = 2
STILL_SILENT = "the object storage did not answer, and one request of this process tries it again now"


@dataclass(frozen=True)
class Access:
    """How a bucket is reached. timeout_s: for the connection, and for each wait for the next bytes.

    Empty texts leave the choice to boto3: the URL and region of Amazon S3, its chain of credentials, its list of
    certificate authorities.
    """

    url: str = ""
    region: str = ""
    addressing: str = "auto"
    ca_file: str = ""
    timeout_s: float = 5.0
    access_key_id: str = ""
    secret_access_key: str = ""


class AlreadyThere(Exception):
    """The condition of a write was not met: the key has an object."""


class Connection:
    """A client of boto3 that the threads of a process share, as boto3 allows for clients; 28 MB, boto3 included.

    While the store is silent, one request at a time tries it and all others are refused at once: threads that wait for
    a store would be missing for what needs none.
    """

    def __init__(self, access: Access) -> None:
        self.client = _client(access)
        self._is_silent = False
        self._trial = threading.Lock()

    @contextmanager
    def request(self, name: str) -> Iterator[Any]:
        """The client, for one request about this file.

        What it raises becomes FileNotFoundError, AlreadyThere or StorageUnavailable. A missing file is NoSuchKey alone:
        other answers with status 404 are about the bucket, or come from a proxy.
        """
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from urllib3.exceptions import HTTPError

        is_trial = self._is_silent
        if is_trial and not self._trial.acquire(blocking=False):
            raise StorageUnavailable(name, STILL_SILENT)
        try:
            yield self.client
            self._is_silent = False
        except ClientError as refused:
            self._is_silent = False
            raise _meaning(refused, name) from refused
        except (BotoCoreError, HTTPError) as failed:
            self._is_silent = isinstance(failed, HTTPClientError | HTTPError)
            raise StorageUnavailable(name, f"the object storage does not answer: {failed}") from failed
        finally:
            if is_trial:
                self._trial.release()


def _meaning(refused: Any, name: str) -> Exception:
    code = refused.response.get("Error", {}).get("Code", "")
    if code == "NoSuchKey":
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if code in ("PreconditionFailed", "412"):
        return AlreadyThere(name)
    return StorageUnavailable(name, f"the object storage refuses: {refused}")


_connections: dict[Access, Connection] = {}
_making = threading.Lock()


def connection_to(access: Access) -> Connection:
    """The connection of this process, made by the first request. Raises StorageUnavailable."""
    with _making:
        if access not in _connections:
            _connections[access] = Connection(access)
        return _connections[access]


def _forget() -> None:
    """After a fork: two processes must not speak over one connection, and a thread may have held the lock."""
    global _making
    _connections.clear()
    _making = threading.Lock()


os.register_at_fork(after_in_child=_forget)


def _client(access: Access) -> Any:
    import boto3.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=access.timeout_s,
        read_timeout=access.timeout_s,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=CONNECTIONS_MAX,
        tcp_keepalive=True,
        s3={"addressing_style": access.addressing},
        # Writes bring a checksum of their own; others confuse stores that do not know them.
        request_checksum_calculation="when_required",
    )
    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=access.url or None,
            region_name=access.region or None,
            aws_access_key_id=access.access_key_id or None,
            aws_secret_access_key=access.secret_access_key or None,
            verify=access.ca_file or None,
            config=config,
        )
    except (BotoCoreError, ValueError, OSError) as refused:  # a wrong region, profile or file of authorities
        raise StorageUnavailable("", f"the object storage cannot be used: {refused}") from refused
