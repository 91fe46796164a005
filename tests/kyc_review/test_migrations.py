"""Upgrades of a database with rows: nothing stands still for long, and old rows get their values."""

import io
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from threading import Event

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations import AddField, CreateModel
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from kyc_review.registry.management.commands import prepare
from kyc_review.submissions.models import Submission
from kyc_review.training.models import Comparison
from kyc_review.webhooks.models import Endpoint, Kind, all_kinds
from tests.factories.release_before import OURS


@pytest.mark.long  # all migrations since then, back and forth: 14 s, for a migration that the release before has
@pytest.mark.django_db(transaction=True)
def test_updated_at_of_old_submissions_is_their_last_known_change(submit: Callable[..., Submission]) -> None:
    received, cancelled = submit(), submit()
    Submission.objects.filter(pk=cancelled.pk).update(
        state="cancelled", cancelled_at=cancelled.received_at + timedelta(hours=1)
    )
    try:
        MigrationExecutor(connection).migrate([("submissions", "0002_reference_image")])
        MigrationExecutor(connection).migrate([("submissions", "0003_updated_at")])
        changed = timezone.now()
        Submission.objects.filter(pk=received.pk).update(state="in_review")
        before = MigrationExecutor(connection).loader.project_state(("submissions", "0003_updated_at"))
        earlier = before.apps.get_model("submissions", "Submission")  # of the release that still runs
        during = earlier.objects.create(
            integration_id=received.integration_id, image_key="during.jpg", size_bytes=1, width=1, height=1
        )
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    cancelled.refresh_from_db()
    assert cancelled.updated_at == cancelled.cancelled_at
    for row in (
        received,
        during,
    ):  # while the column was being filled, the trigger and the default were right
        assert Submission.objects.get(pk=row.pk).updated_at >= changed


@pytest.mark.django_db
def test_old_submissions_are_filled_in_batches_and_others_are_left(
    submit: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = import_module("kyc_review.submissions.migrations.0004_fill_updated_at")
    monkeypatch.setattr(migration, "BATCH", 2)
    rows = [submit() for _ in range(5)]
    Submission.objects.exclude(pk=rows[0].pk).update(updated_at=migration.UNFILLED)
    migration.fill(apps, None)
    migration.fill(apps, None)  # an interrupted run is repeated
    for row in rows[1:]:
        assert Submission.objects.get(pk=row.pk).updated_at == row.received_at
    assert Submission.objects.get(pk=rows[0].pk).updated_at == rows[0].updated_at


@pytest.mark.django_db
def test_endpoints_of_every_kind_get_the_kind_that_is_new(endpoint: Endpoint) -> None:
    migration = import_module("kyc_review.webhooks.migrations.0004_appeal_decided")
    few = Endpoint.objects.create(
        integration=endpoint.integration, url="https://few.example/", kinds=["webhook.test"]
    )
    Endpoint.objects.filter(pk=endpoint.pk).update(
        kinds=[kind for kind in all_kinds() if kind != Kind.APPEAL_DECIDED]
    )
    for _ in range(2):
        migration.subscribe(apps, None)
        assert sorted(Endpoint.objects.get(pk=endpoint.pk).kinds) == sorted(all_kinds())
        assert Endpoint.objects.get(pk=few.pk).kinds == ["webhook.test"]


@pytest.fixture
def endpoint(submit: Callable[..., Submission]) -> Endpoint:
    return Endpoint.objects.create(integration=submit().integration, url="https://hooks.example/", secret="")


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_waits_for_a_lock_gives_up_soon_and_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prepare, "LOCK_WAIT", "100ms")
    monkeypatch.setattr(prepare, "LOCK_PAUSE_S", 0.2)
    reads, said = Event(), io.StringIO()

    def read_for_long() -> None:
        try:
            with transaction.atomic():
                Comparison.objects.exists()
                reads.set()
                ends = time.monotonic() + 30
                while "in use" not in said.getvalue() and time.monotonic() < ends:
                    time.sleep(0.05)
        finally:
            connection.close()

    try:
        MigrationExecutor(connection).migrate([("training", "0010_leases_by_database_clock")])
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read_for_long)
            reads.wait(20)
            call_command("prepare", "--without-bundle", verbosity=0, stderr=said)
            reading.result(20)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
        connection.close()  # with its lock_timeout
    assert "a table is in use" in said.getvalue()


def test_the_release_before_can_write_into_every_new_column() -> None:
    """It does not know the column, so the database must have a value for it: code of two releases runs during an
    upgrade, and after a rollback of the code."""
    broken = set()
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if not migration.__module__.startswith(OURS):
            continue
        made = {one.name_lower for one in migration.operations if isinstance(one, CreateModel)}
        for one in migration.operations:
            if isinstance(one, AddField) and one.model_name_lower not in made and not _has_value(app, one):
                broken.add((app, name, one.name))
    assert broken == set()


def _has_value(app: str, added: AddField) -> bool:
    """Whether the database has a value for the column as it is today; a field that is gone needs none."""
    try:
        field = apps.get_model(app, added.model_name)._meta.get_field(added.name)
    except (LookupError, FieldDoesNotExist):
        return True
    return bool(field.null or field.has_db_default() or field.many_to_many or field.generated)


@pytest.mark.django_db(transaction=True)
def test_triggers_of_decisions_lock_their_tables_in_the_order_of_an_undo() -> None:
    """Otherwise the migration and an undo in work wait for each other, and Postgres takes one of them back."""
    module = import_module("kyc_review.review.migrations.0031_decision_counts")
    triggers = re.findall(r"CREATE (TRIGGER .*?;)", module.TOUCH, re.S)
    assert len(triggers) == 3
    undo = connection.copy()
    undo.set_autocommit(False)

    def migrate() -> None:
        own = connection.copy()
        try:
            own.set_autocommit(False)
            with own.cursor() as cursor:
                for trigger in triggers:
                    cursor.execute(f"CREATE OR REPLACE {trigger}")
            own.rollback()
        finally:
            own.close()

    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'review_decisionundo'::regclass"
    with ThreadPoolExecutor(1) as pool, undo.cursor() as cursor:
        try:
            cursor.execute("LOCK TABLE review_decisionundo IN ROW EXCLUSIVE MODE")  # as a new row does
            migrating = pool.submit(migrate)
            ends, waiting = time.monotonic() + 30, 0
            while not waiting and time.monotonic() < ends:
                cursor.execute(waits)
                waiting = cursor.fetchone()[0]
            assert waiting
            cursor.execute("LOCK TABLE review_reviewitem IN ROW EXCLUSIVE MODE NOWAIT")
        finally:
            undo.rollback()
            undo.close()
        migrating.result(30)
