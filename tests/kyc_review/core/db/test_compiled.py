"""Statements that are made once say the same as the querysets that they were made from."""

import uuid
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from kyc_review.accounts.models import Integration, User
from kyc_review.core.db.compiled import compiled, compiled_update
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> list[User]:
    reviewers, _ = Group.objects.get_or_create(name="reviewer")
    made = [User.objects.create(username=name, first_name=name.title()) for name in ("alice", "bob", "carol")]
    for one in made[:2]:
        one.groups.add(reviewers)
    return made


def test_later_calls_put_their_own_values(people: list[User]) -> None:
    asked = []

    @compiled
    def named(*, key: int, name: str) -> QuerySet[User, str]:
        asked.append((key, name))
        found = User.objects.filter(pk=key, username=name).annotate(shown=F("first_name"))
        return found.values_list("shown", flat=True)

    assert named(key=people[0].pk, name="alice") == ["Alice"]
    assert named(key=people[1].pk, name="bob") == ["Bob"]
    assert named(key=people[0].pk, name="bob") == []
    assert named(key=people[0].pk, name="' OR true --") == []
    assert len(asked) == 1, "the queryset is described once"
    assert asked[0] != (people[0].pk, "alice"), "and never with what was asked for"


def test_related_rows_and_prefetches_come_along(people: list[User]) -> None:
    @compiled
    def one(*, key: int) -> QuerySet[User, User]:
        return User.objects.filter(pk=key).prefetch_related("groups")

    for person, roles in zip(people, [["reviewer"], ["reviewer"], []], strict=True):
        (found,) = one(key=person.pk)
        with CaptureQueriesContext(connection) as queries:
            assert [group.name for group in found.groups.all()] == roles
        assert not queries.captured_queries


def test_what_is_given_by_position_makes_a_statement_of_its_own(people: list[User]) -> None:
    @compiled
    def found(is_reversed: bool, *, least: int) -> QuerySet[User, str]:
        ordered = User.objects.filter(pk__gte=least).order_by("-pk" if is_reversed else "pk")
        return ordered.values_list("username", flat=True)[:2]

    assert found(False, least=people[0].pk) == ["alice", "bob"]
    assert found(True, least=people[0].pk) == ["carol", "bob"]
    assert found(False, least=people[1].pk) == ["bob", "carol"]


def test_uuids_and_lengths_of_time_are_values_too() -> None:
    @compiled
    def young(*, key: uuid.UUID, age: timedelta) -> QuerySet[Submission, Submission]:
        return Submission.objects.filter(pk=key, received_at__gt=Now() - age)

    row = Submission.objects.create(
        integration=Integration.objects.create(slug="onboarding", name="Onboarding"),
        external_ref="a",
        image_key="00/a.jpeg",
        sha256="0" * 64,
        size_bytes=1,
        format="JPEG",
        width=1,
        height=1,
    )
    assert young(key=row.pk, age=timedelta(minutes=1)) == [row]
    assert young(key=row.pk, age=timedelta(minutes=-1)) == []
    assert young(key=uuid.uuid4(), age=timedelta(minutes=1)) == []


def test_an_update_says_how_many_rows_it_changed(people: list[User]) -> None:
    @compiled_update
    def renamed(*, key: int, name: str) -> tuple[QuerySet[User], dict[str, Any]]:
        return User.objects.filter(pk=key), {"last_name": name, "date_joined": Now()}

    assert renamed(key=people[0].pk, name="Liddell") == 1
    assert renamed(key=people[1].pk, name="Builder") == 1
    assert renamed(key=0, name="Nobody") == 0
    assert list(User.objects.order_by("pk").values_list("last_name", flat=True)) == ["Liddell", "Builder", ""]


def test_a_keyword_that_the_statement_does_not_carry_is_refused() -> None:
    @compiled
    def wrong(*, key: int, unused: int) -> QuerySet[User, User]:
        return User.objects.filter(pk=key)

    with pytest.raises(TypeError, match="unused"):
        wrong(key=1, unused=2)


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_by_its_own_connection_and_locks_in_a_transaction_only() -> None:
    alice = User.objects.create(username="alice")
    heard: list[object] = []

    @compiled
    def locked(*, key: int) -> QuerySet[User, int]:
        return User.objects.select_for_update(skip_locked=True).filter(pk=key).values_list("pk", flat=True)

    def other() -> None:
        try:
            with transaction.atomic():
                heard.append(locked(key=alice.pk))
        finally:
            connection.close()

    with transaction.atomic():
        assert locked(key=alice.pk) == [alice.pk]
        thread = Thread(target=other)
        thread.start()
        thread.join()
    assert heard == [[]], "skipped, for another connection holds the lock"
    with pytest.raises(transaction.TransactionManagementError):
        locked(key=alice.pk)
