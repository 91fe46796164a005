import os
import subprocess
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from kyc_review.pipeline.submission_leases import lease_batch, lease_fail, leases_end_of_dead
from kyc_review.submissions.models import State, Submission

pytestmark = pytest.mark.django_db


def expire_all() -> None:
    Submission.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_the_oldest_are_leased_first_and_only_once(submit: Callable[..., Submission]) -> None:
    rows = [submit() for _ in range(5)]
    first = lease_batch(holder="one", limit=3)
    second = lease_batch(holder="two", limit=3)
    assert [row.pk for row in first + second] == [row.pk for row in rows]
    assert lease_batch(holder="three", limit=3) == []


def test_the_attempt_is_counted_before_the_work(submit: Callable[..., Submission]) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    row.refresh_from_db()
    assert (row.attempts, row.state, row.lease_holder) == (1, State.SCORING, "one")


def test_an_expired_lease_is_taken_over(submit: Callable[..., Submission]) -> None:
    row = submit()
    lease_batch(holder="dead", limit=1)
    assert lease_batch(holder="alive", limit=1) == []
    expire_all()
    assert [r.pk for r in lease_batch(holder="alive", limit=1)] == [row.pk]


def test_a_retried_submission_is_leased_alone(submit: Callable[..., Submission]) -> None:
    for _ in range(4):
        submit()
    lease_batch(holder="dead", limit=2)
    expire_all()
    assert [len(lease_batch(holder="alive", limit=10)) for _ in range(4)] == [1, 1, 2, 0]


def test_pictures_of_many_pixels_come_in_smaller_batches(submit: Callable[..., Submission]) -> None:
    """As many photographs of 12 megapixels as are 26 megapixels after they are reduced; never none."""
    for _ in range(11):
        submit()
    Submission.objects.update(width=4032, height=3024)
    assert [len(lease_batch(holder="one", limit=10)) for _ in range(3)] == [8, 3, 0]


def test_a_picture_that_alone_is_too_large_for_a_batch_is_leased(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyc_review.pipeline.submission_leases.BATCH_PIXELS_MAX", 1)
    rows = [submit(), submit()]
    assert [lease_batch(holder="one", limit=10)[0].pk for _ in rows] == [row.pk for row in rows]


def test_after_three_attempts_no_worker_gets_it(submit: Callable[..., Submission]) -> None:
    submit()
    for _ in range(3):
        assert len(lease_batch(holder="dead", limit=1)) == 1
        expire_all()
    assert lease_batch(holder="alive", limit=1) == []


def test_a_failed_attempt_is_due_again_after_a_pause(submit: Callable[..., Submission]) -> None:
    row = submit()
    lease_batch(holder="one", limit=1)
    lease_fail(holder="one", submission_id=row.pk, error="OSError: broken")
    row.refresh_from_db()
    assert (row.state, row.lease_holder, row.last_error) == (State.RECEIVED, "", "OSError: broken")
    assert row.due_at > timezone.now()


def test_a_failure_reported_after_the_lease_moved_on_changes_nothing(
    submit: Callable[..., Submission],
) -> None:
    row = submit()
    lease_batch(holder="late", limit=1)
    expire_all()
    lease_batch(holder="next", limit=1)
    lease_fail(holder="late", submission_id=row.pk, error="too late")
    row.refresh_from_db()
    assert (row.state, row.lease_holder) == (State.SCORING, "next")


def test_leases_of_a_dead_worker_of_this_host_end_at_once(submit: Callable[..., Submission]) -> None:
    for _ in range(3):
        submit()
    child = subprocess.Popen(["true"])
    child.wait()
    lease_batch(holder=f"here:{child.pid}:aaaa", limit=1)
    lease_batch(holder=f"here:{os.getppid()}:bbbb", limit=1)
    lease_batch(holder=f"elsewhere:{child.pid}:cccc", limit=1)
    assert leases_end_of_dead(holder=f"here:{os.getpid()}:dddd") == 1
    assert len(lease_batch(holder=f"here:{os.getpid()}:dddd", limit=3)) == 1


def test_a_restarted_container_has_the_same_pid_and_ends_its_old_lease(
    submit: Callable[..., Submission],
) -> None:
    submit()
    lease_batch(holder="container:1:old", limit=1)
    assert leases_end_of_dead(holder="container:1:new") == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_share_a_submission(submit: Callable[..., Submission]) -> None:
    for _ in range(40):
        submit()
    taken: dict[str, list[uuid.UUID]] = {"one": [], "two": []}
    start = threading.Barrier(2)

    def work(holder: str) -> None:
        start.wait()
        while batch := lease_batch(holder=holder, limit=3):
            taken[holder] += [row.pk for row in batch]
        connection.close()

    threads = [threading.Thread(target=work, args=[holder]) for holder in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken["one"] + taken["two"]) == len(set(taken["one"]) | set(taken["two"])) == 40


@pytest.mark.django_db(transaction=True)
def test_a_row_locked_elsewhere_is_skipped_not_waited_for(submit: Callable[..., Submission]) -> None:
    first, second = submit(), submit()
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Submission.objects.select_for_update().get(pk=first.pk)
            locked.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(10)
    try:
        assert [row.pk for row in lease_batch(holder="one", limit=2)] == [second.pk]
    finally:
        done.set()
        thread.join()
