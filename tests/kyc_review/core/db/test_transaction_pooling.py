"""The product behind a real PgBouncer that gives each transaction another connection of the server."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from detection.voting import Vote
from kyc_review.accounts.models import User
from kyc_review.audit.models import SealedBatch
from kyc_review.audit.signing import public_keys, signing_key_ensure
from kyc_review.audit.verification import verify
from kyc_review.celery import app
from kyc_review.pipeline.routing import Scored, verdicts_record
from kyc_review.pipeline.submission_leases import lease_batch
from kyc_review.review.decisions import decision_record
from kyc_review.submissions.models import State, Submission
from tests.factories.checks import checks
from tests.factories.claims import claim_next
from tests.factories.connections import connected
from tests.factories.pgbouncer import pgbouncer
from tests.factories.pictures import jpeg_bytes
from tests.factories.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pooler(transactional_db: None) -> Iterator[int]:
    with pgbouncer(connection.settings_dict) as port:
        yield port


@pytest.fixture
def pooled(pooler: int) -> Iterator[None]:
    with connected(HOST="127.0.0.1", PORT=pooler, TRANSACTION_POOLING=True):
        yield


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def read_in_chunks() -> set[UUID]:
    """The keys of all submissions; between two of them, something else takes the turn of a connection."""
    read = set()
    for row in Submission.objects.iterator(chunk_size=2):
        read.add(row.pk)
        backend()
    return read


def test_a_selfie_goes_the_whole_way_and_all_sweeps_run(pooled: None, api: Client, alice: User) -> None:
    signing_key_ensure()
    assert len({backend() for _ in range(4)}) == 2
    for number in range(6):  # statements that are repeated are those that a session would prepare
        image = SimpleUploadedFile("selfie.jpg", jpeg_bytes(seed=number), content_type="image/jpeg")
        fields = {"image": image, "external_ref": f"application-{number}"}
        answer = api.post("/api/v1/submissions", fields, headers={"Idempotency-Key": uuid4().hex})
        assert answer.status_code == 202, answer.content
    votes = [Vote(f"member-{i}", 0.8, 0.5) for i in range(4)] + [Vote("stack", 0.1, 0.5)]
    for _ in range(3):
        scored = {
            row.pk: Scored(votes=votes, elapsed_ms=1.0, checks=checks())
            for row in lease_batch(holder="test", limit=2)
        }
        verdicts_record(holder="test", bundle_version="test-1", bundle_digest="d" * 64, scored=scored)
        decision_record(item_id=claim_next(alice).pk, reviewer=alice, label="real")
    app.loader.import_default_modules()
    for name in sorted({entry["task"] for entry in app.conf.beat_schedule.values()}):
        if name not in app.conf.task_routes:  # those need torch
            app.tasks[name]()
    states = list(Submission.objects.order_by("state").values_list("state", flat=True))
    assert states == [State.COMPLETED] * 3 + [State.IN_REVIEW] * 3
    # Sealing waits for the transactions of other tests' databases, too.
    wait_for(SealedBatch.objects.exists, each=app.tasks["kyc_review.audit.tasks.seal"])
    assert verify(keys=public_keys()).problems == []


def test_rows_are_read_in_chunks_inside_and_outside_of_transactions(
    pooled: None, submit: Callable[..., Submission]
) -> None:
    rows = {submit().pk for _ in range(5)}
    assert read_in_chunks() == rows
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        assert cursor.name.startswith("_django_curs")  # the server keeps the rows


def test_without_the_setting_it_would_break(pooler: int, submit: Callable[..., Submission]) -> None:
    """What the tests above would not notice otherwise: that connections really change."""
    [submit() for _ in range(5)]
    with connected(HOST="127.0.0.1", PORT=pooler), pytest.raises(psycopg.errors.InvalidCursorName):
        read_in_chunks()


def test_migrations_need_a_way_past_the_pooler(pooled: None, settings: LazySettings) -> None:
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL to the address of the server itself"):
        call_command("prepare", "--without-bundle")
    there = connection.settings_dict
    settings.DATABASE_OWNER_URL = (
        f"postgres://owner:x@{there['HOST']}:{there['PORT']}/kyc"  # the pooler, again
    )
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL to the address of the server itself"):
        call_command("prepare", "--without-bundle")
