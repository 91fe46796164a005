"""A store that is slow, silent, full, or that loses or changes what it says."""

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from django.core.files.base import ContentFile

from encrypted_files.stream import FileDamaged
from kyc_review.core.files import StorageUnavailable
from kyc_review.core.object_storage import ObjectStorage
from kyc_review.core.object_storage.client import STILL_SILENT
from kyc_review.core.transfers import TransferEnded, all_at_once, kept_alive
from tests.factories.object_stores import Disturbance, Store

NAME = "ab/one.jpeg"
LARGE = bytes(1_000_000)


@pytest.fixture
def storage(moto_store: Store, disturbance: Disturbance) -> ObjectStorage:
    """A storage that reaches its bucket through the proxy."""
    return moto_store.storage(url=disturbance.url)


@pytest.fixture
def impatient(moto_store: Store, disturbance: Disturbance) -> ObjectStorage:
    return moto_store.storage(url=disturbance.url, timeout_s=0.5)


def save(storage: ObjectStorage, data: bytes = b"pixels") -> None:
    storage.save(NAME, ContentFile(data))


def read(storage: ObjectStorage) -> bytes:
    with storage.open(NAME) as file:
        found: bytes = file.read()
        return found


def test_a_write_whose_answer_is_lost_succeeds(storage: ObjectStorage, disturbance: Disturbance) -> None:
    """The repetition is refused (412), because the object is there: it is our own."""
    disturbance.loses_answer, disturbance.times = True, 1
    save(storage)
    assert [line.split()[0] for line in disturbance.seen] == ["PUT", "PUT", "GET"]
    assert read(storage) == b"pixels"


def test_a_lost_answer_does_not_make_another_content_ours(
    storage: ObjectStorage, disturbance: Disturbance
) -> None:
    save(storage, b"first")
    disturbance.loses_answer, disturbance.times = True, 1
    with pytest.raises(FileExistsError):
        save(storage, b"second")
    assert read(storage) == b"first"


@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (507, "InsufficientStorage"), (403, "AccessDenied")]
)
def test_a_refusal_says_nothing_about_a_file(
    storage: ObjectStorage, disturbance: Disturbance, status: int, code: str
) -> None:
    save(storage)
    disturbance.status, disturbance.code = status, code
    acts: list[Callable[[], object]] = [
        lambda: storage.save("ab/two.jpeg", ContentFile(b"x")),
        lambda: read(storage),
        lambda: storage.exists(NAME),
        lambda: list(storage.files_below("ab")),
        lambda: storage.delete(NAME),
    ]
    for act in acts:
        with pytest.raises(StorageUnavailable, match="refuses"):
            act()
    disturbance.end()
    assert read(storage) == b"pixels"
    assert not storage.exists("ab/two.jpeg")


def test_a_short_refusal_is_passed_over(storage: ObjectStorage, disturbance: Disturbance) -> None:
    disturbance.status, disturbance.times = 503, 1
    save(storage)
    assert read(storage) == b"pixels"


def test_a_silent_store_is_given_up_after_two_tries(
    impatient: ObjectStorage, disturbance: Disturbance
) -> None:
    disturbance.is_silent = True
    with pytest.raises(StorageUnavailable, match="does not answer"):
        save(impatient)
    assert len(disturbance.seen) == 2


def test_one_request_tries_a_silent_store_and_the_others_do_not_wait(
    impatient: ObjectStorage, disturbance: Disturbance
) -> None:
    disturbance.is_silent = True
    with pytest.raises(StorageUnavailable, match="does not answer"):
        save(impatient)
    with impatient.connection.request("the one that tries it") as client:
        with pytest.raises(StorageUnavailable, match=STILL_SILENT):
            impatient.exists(NAME)
        disturbance.end()
        client.list_buckets()
    impatient.connection.client.list_buckets()
    assert not impatient.exists(NAME)


@pytest.mark.parametrize("fault", ["cuts_body", "changes_body"])
def test_an_answer_that_arrives_damaged_is_asked_for_again(
    storage: ObjectStorage, disturbance: Disturbance, fault: str
) -> None:
    save(storage)
    setattr(disturbance, fault, True)
    disturbance.times = 1
    assert read(storage) == b"pixels"
    disturbance.times = -1
    with pytest.raises(FileDamaged if fault == "changes_body" else StorageUnavailable):
        read(storage)


def test_a_lease_is_renewed_while_an_object_arrives(storage: ObjectStorage, disturbance: Disturbance) -> None:
    save(storage, LARGE)
    disturbance.waits_halfway = True
    with kept_alive(disturbance.goes_on.set):
        assert read(storage) == LARGE


def test_a_lease_is_renewed_while_an_object_leaves(storage: ObjectStorage) -> None:
    renewed: list[int] = []
    with kept_alive(lambda: renewed.append(1)):
        save(storage, LARGE)
    assert len(renewed) > 10
    assert read(storage) == LARGE


class Lost(Exception):
    pass


@pytest.mark.parametrize("act", [read, partial(save, data=LARGE)])
def test_what_lost_its_lease_transfers_no_more(
    moto_store: Store, storage: ObjectStorage, disturbance: Disturbance, act: Callable[[ObjectStorage], None]
) -> None:
    save(storage, LARGE)
    calls = count()

    def lose() -> None:
        if next(calls) == 5:
            raise Lost

    replaced = moto_store.storage(url=disturbance.url, write_once=False)
    disturbance.seen.clear()
    with pytest.raises(Lost), kept_alive(lose):
        act(replaced)
    assert next(calls) == 6, "it was tried once"
    assert disturbance.seen in ([], [f"GET /{moto_store.bucket}/kyc-review/originals/{NAME}"])
    assert read(replaced) == LARGE


def test_the_first_error_of_many_transfers_ends_the_others(
    storage: ObjectStorage, disturbance: Disturbance
) -> None:
    save(storage, LARGE)
    disturbance.waits_halfway, disturbance.times = True, 1
    ended: list[str] = []

    def work(number: int) -> None:
        if number == 0:
            while len(disturbance.seen) < 2:  # the other one reads
                time.sleep(0.01)
            threading.Timer(0.2, disturbance.goes_on.set).start()  # after this one has failed
            raise Lost
        try:
            read(storage)
        except TransferEnded:
            ended.append(threading.current_thread().name[:4])

    with pytest.raises(Lost):
        all_at_once(work, [0, 1], threads=2, name="test", alive=lambda: None)
    assert ended == ["test"]


def test_nobody_listens(moto_store: Store) -> None:
    with pytest.raises(StorageUnavailable, match="does not answer"):
        save(moto_store.storage(url="http://127.0.0.1:9", timeout_s=0.3))


def test_a_forked_process_does_not_speak_over_its_parent_s_connection(storage: ObjectStorage) -> None:
    save(storage)
    before = storage.connection
    child = os.fork()
    if child == 0:
        is_own = storage.connection is not before and read(storage) == b"pixels"
        os._exit(0 if is_own else 1)
    until = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < until:
        time.sleep(0.02)
    assert ended == (child, 0)
    assert storage.connection is before
