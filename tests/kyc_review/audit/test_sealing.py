"""Batches of events are sealed: once, in order, by one process, whatever else the database does."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from kyc_review.audit import delays, sealing, services
from kyc_review.audit.headers import header_hash, header_text
from kyc_review.audit.models import Event, SealedBatch
from kyc_review.audit.roots import roots_file, roots_read
from kyc_review.audit.signing import (
    key_file,
    public_keys,
    signing_key,
)
from kyc_review.audit.tasks import seal
from kyc_review.audit.verification import Report, verify

pytestmark = pytest.mark.usefixtures("committed")
Record = Callable[[int], list[int]]
AGAIN = """INSERT INTO audit_sealedbatch SELECT (jsonb_populate_record(b, %s::jsonb)).*
    FROM audit_sealedbatch AS b ORDER BY number DESC LIMIT 1"""


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """A second session in the same database."""
    with psycopg.connect(
        **connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    ) as session:
        yield session


def verified() -> Report:
    published = list(roots_read(roots_file())) if roots_file().exists() else []
    return verify(keys=public_keys(), published=published)


def copy_last(**other: object) -> SealedBatch:
    """What the application's role can do: insert the latest batch again, with other fields."""
    with connection.cursor() as cursor:
        cursor.execute(AGAIN, [json.dumps(other)])
    return SealedBatch.objects.order_by("number").last()  # type: ignore[return-value]


def hexed(data: bytes) -> str:
    return "\\x" + data.hex()


def test_what_was_sealed_is_intact_and_sealed_once(record: Record) -> None:
    record(5)
    assert sealing.seal_all() == 5
    assert sealing.seal_all() == 0
    record(3)
    assert sealing.seal_all() == 3
    record(2)
    report = verified()
    assert (report.problems, report.batches, report.events, report.unsealed) == ([], 2, 8, 2)


def test_the_oldest_event_that_is_not_sealed_has_an_age(record: Record) -> None:
    assert sealing.oldest_unsealed_at() is None
    first, *_ = record(3)
    assert sealing.oldest_unsealed_at() == Event.objects.get(pk=first).at
    sealing.seal_all()
    assert sealing.oldest_unsealed_at() is None
    (later,) = record(1)
    assert sealing.oldest_unsealed_at() == Event.objects.get(pk=later).at


def test_without_a_batch_nothing_is_intact() -> None:
    assert "no batch was ever sealed" in verified().problems[0]


def test_many_events_are_sealed_in_batches_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH_MAX", 4)
    services.record_many([services.event(action="thing.happened") for _ in range(10)])  # one transaction
    assert sealing.seal_all() == 10
    assert list(SealedBatch.objects.order_by("number").values_list("size", flat=True)) == [4, 4, 2]
    assert verified().problems == []


def test_a_run_of_the_task_is_bounded_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch, record: Record
) -> None:
    monkeypatch.setattr(sealing, "BATCH_MAX", 2)
    monkeypatch.setattr(sealing, "RUN_BATCHES", 3)
    record(10)
    assert [sealing.seal_some() for _ in range(3)] == [6, 4, 0]
    record(10)
    monkeypatch.setattr(sealing, "RUN_MAX_S", 0.0)
    assert sealing.seal_some() == 2, "a run makes one batch even if that takes all its time"
    assert sealing.seal_all() == 8
    assert verified().problems == []


def test_a_run_of_the_task_does_not_wait_for_another_process(
    other: psycopg.Connection, record: Record
) -> None:
    record(2)
    other.execute("SELECT pg_advisory_xact_lock(%s)", [sealing.LOCK])
    assert sealing.seal_some() == 0
    assert not SealedBatch.objects.exists()
    other.commit()
    assert sealing.seal_some() == 2


def test_who_keeps_sealing_back_is_logged_after_a_minute(
    other: psycopg.Connection,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record(2)
    other.execute("SELECT pg_advisory_lock(%s)", [sealing.LOCK])
    other.commit()
    seal()
    assert not caplog.records, "not yet late"
    monkeypatch.setattr(delays, "LATE_AFTER", dt.timedelta(0))
    seal()
    pid = other.info.backend_pid
    assert f"session {pid} (role " in caplog.text
    assert "holds the lock of the sealer" in caplog.text
    other.execute("SELECT pg_advisory_unlock(%s)", [sealing.LOCK])
    other.execute("SELECT pg_current_xact_id()")
    record(1)
    assert f"the transaction of session {pid} " in delays.why_late()
    other.rollback()
    sealing.seal_all()
    assert delays.why_late() == ""


def test_a_late_commit_is_sealed_later_and_a_rolled_back_one_is_no_gap(
    other: psycopg.Connection, record: Record
) -> None:
    insert = (
        "INSERT INTO audit_event (action, actor_kind, actor_id, actor_name, target_kind, target_id, detail)"
    )
    values = "VALUES (%s, 'system', '', '', '', '', '{}') RETURNING id"
    (rolled_back,) = other.execute(f"{insert} {values}", ["thing.undone"]).fetchone() or ()
    other.rollback()
    (late,) = other.execute(f"{insert} {values}", ["thing.late"]).fetchone() or ()
    ids = record(2)
    assert rolled_back < late < ids[0]
    assert sealing.seal_all() == 0, "a transaction before them still runs"
    assert verified().unsealed == 2
    other.commit()
    assert sealing.seal_all() == 3
    assert SealedBatch.objects.get().ids() == [late, *ids]
    assert verified().problems == []


def test_sealing_goes_on_after_a_move_into_another_cluster(
    forge: Callable[..., None], record: Record
) -> None:
    """As after a dump was restored: transaction ids of that cluster are high, of this one low."""
    record(2)
    sealing.seal_all()
    before = record(2)
    forge("UPDATE audit_event SET transaction = transaction + 1000000")
    forge("UPDATE audit_sealedbatch SET cluster = '1', through_transaction = through_transaction + 1000000")
    batch = SealedBatch.objects.get()
    text = header_text(batch).encode()
    forge("UPDATE audit_sealedbatch SET signature = %s", signing_key().sign(text))
    after = record(1)
    assert sealing.seal_all() == 3
    assert SealedBatch.objects.get(number=2).ids() == [*before, *after]
    record(2)
    assert sealing.seal_all() == 2
    report = verified()
    assert (report.problems, report.resumptions) == ([], [2])


def test_the_task_seals_and_sends_out_and_says_what_it_lacks(
    caplog: pytest.LogCaptureFixture, record: Record
) -> None:
    record(1)
    seal()
    record(1)
    with roots_file().open("ab") as file:
        file.write(b'{"batch": 2, "hea')  # a process was killed here
    roots = roots_file().read_bytes()
    seal()
    assert roots_file().read_bytes().startswith(roots)
    record(1)
    key_file().unlink()
    seal()
    assert "no signing key" in caplog.text
    assert SealedBatch.objects.count() == 2


def test_the_database_refuses_a_batch_that_does_not_follow(record: Record) -> None:
    record(2)
    sealing.seal_all()
    follows = {"number": 2, "previous": hexed(header_hash(SealedBatch.objects.get()))}
    for wrong, reason in (
        ({"number": 2_000_000_000}, "does not follow"),
        ({"number": 0}, "does not follow"),
        ({"number": 2}, "does not name the header"),
        (follows | {"size": 3}, "does not list as many"),
        (follows | {"event_ids": hexed(b"")}, "does not list as many"),
        (follows | {"cluster": "1"}, "not of this cluster"),
        (follows | {"is_resumption": True, "events_after": 1 << 62}, "not of this cluster"),
        (follows | {"events_after": 1 << 62}, "not of this cluster"),
        (follows | {"through_transaction": 1 << 62}, "have not begun"),
        (follows | {"next_transaction": 1 << 62}, "have not begun"),
    ):
        with pytest.raises(ProgrammingError, match=reason):
            copy_last(**wrong)
    record(1)
    assert sealing.seal_all() == 1
    assert verified().problems == []


def test_the_first_batch_has_number_1_as_well(record: Record, forge: Callable[..., None]) -> None:
    record(1)
    sealing.seal_all()
    forge("CREATE TEMP TABLE kept AS SELECT * FROM audit_sealedbatch")
    forge("TRUNCATE audit_sealedbatch")
    for wrong in ("7, previous = previous", "1, previous = sha256(previous)"):
        forge(f"UPDATE kept SET number = {wrong}")
        with pytest.raises(ProgrammingError), connection.cursor() as cursor:
            cursor.execute("INSERT INTO audit_sealedbatch SELECT * FROM kept")
    forge("DROP TABLE kept")


def test_the_sealer_does_not_build_on_a_batch_that_it_did_not_sign(
    caplog: pytest.LogCaptureFixture, record: Record, forge: Callable[..., None]
) -> None:
    record(2)
    seal()
    roots = roots_file().read_bytes()
    copy_last(number=2, previous=hexed(header_hash(SealedBatch.objects.get())))
    seal()
    seal()
    assert caplog.text.count("wrong signature: batch 2") == 2
    assert SealedBatch.objects.count() == 2
    assert roots_file().read_bytes() == roots, "a refused batch is not sent out"
    event = Event.objects.get(action="audit.batch_refused")
    assert event.detail["batch"] == 2
    assert sealing.oldest_unsealed_at() == event.at, "the metric calls a person although nothing else happens"
    with pytest.raises(CommandError, match="wrong signature: batch 2"):
        call_command("audit", "seal")
    forge("DELETE FROM audit_sealedbatch WHERE number = 2")  # as docs/audit.md says
    seal()
    assert verified().problems == []


def test_a_person_can_let_the_sealer_go_on_and_verification_still_names_the_batch(record: Record) -> None:
    record(2)
    sealing.seal_all()
    copy_last(number=2, previous=hexed(header_hash(SealedBatch.objects.get())))
    call_command("audit", "seal", "--accept", "2", stdout=StringIO())
    record(1)
    assert sealing.seal_all() == 1
    assert verified().problems[0] == "wrong signature: batch 2"
    assert Event.objects.filter(action="audit.batch_accepted", detail__batch=2).exists()
