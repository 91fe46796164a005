"""Two evidence workers on similar pictures, and an erasure between them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from kyc_review.submissions.models import Submission
from kyc_review.submissions.state_changes import submissions_hold

pytestmark = pytest.mark.django_db(transaction=True)


def test_they_hold_each_others_pictures_in_any_order(submit: Callable[..., Submission]) -> None:
    rows = [submit().pk, submit().pk]
    both = Barrier(2, timeout=20)

    def work(own: UUID, other: UUID) -> set[UUID]:
        try:
            with transaction.atomic():
                held = submissions_hold([own])
                both.wait()  # each has its own before it asks for the other's
                return held | submissions_hold([other])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(work, *order) for order in (rows, rows[::-1])]
        assert [future.result(20) for future in found] == [set(rows), set(rows)]


def test_an_erasure_waits_and_what_is_erased_is_not_held(submit: Callable[..., Submission]) -> None:
    row = submit()

    def erase_at_once() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
                Submission.objects.filter(pk=row.pk).update(state="cancelled", cancelled_at=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            submissions_hold([row.pk])
            with pytest.raises(OperationalError, match="lock timeout"):
                pool.submit(erase_at_once).result(20)
        pool.submit(erase_at_once).result(20)
    Submission.objects.filter(pk=row.pk).update(
        erased_at=timezone.now(), external_ref="", applicant_ref="", metadata={}
    )
    with transaction.atomic():
        assert submissions_hold([row.pk]) == set()
