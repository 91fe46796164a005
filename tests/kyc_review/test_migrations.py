"""Upgrades of a database with rows: nothing stands still for long, and old rows get their values."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection
from django.db.migrations import AddIndex, CreateModel
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Endpoint, Kind, all_kinds

OURS = "kyc_review."
# Its index is gone since 0015, which is before the first release.
BEFORE_THE_RULE = {("review", "0003_priority_of_checks_and_standstill")}


def test_indexes_of_tables_with_rows_are_built_while_they_are_written() -> None:
    loader = MigrationLoader(None)
    blocking = set()
    for key, migration in loader.disk_migrations.items():
        if not migration.__module__.startswith(OURS):
            continue
        made = {one.name.lower() for one in migration.operations if isinstance(one, CreateModel)}
        for operation in migration.operations:
            if isinstance(operation, AddIndexConcurrently) or not isinstance(operation, AddIndex):
                continue
            if operation.model_name_lower not in made:
                blocking.add(key)
    assert blocking == BEFORE_THE_RULE


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
