"""What a pruned event said of a record cannot be compared any more: that is told, and what is newer is still named."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from devstack.postgres import ROLE
from kyc_review.audit import record_checks, sealing
from kyc_review.audit.archived_events import archived_events_join
from kyc_review.audit.models import Event
from kyc_review.audit.pruned import prunings_read
from kyc_review.audit.pruning import prune_next
from kyc_review.audit.record_checks import record_problems
from kyc_review.audit.signing import signing_key_ensure
from kyc_review.audit.uncompared import Uncompared
from kyc_review.audit.write_once import privileges_grant
from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage_identity import storage_identity_ensure
from tests.factories.processes import eventually

YEAR_PASSES = """SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE audit_event DISABLE TRIGGER USER;
ALTER TABLE audit_sealedbatch DISABLE TRIGGER USER;
ALTER TABLE scoring_scoring DISABLE TRIGGER USER;
ALTER TABLE submissions_submission DISABLE TRIGGER USER;
UPDATE audit_event SET at = at - interval '1 year';
UPDATE audit_sealedbatch SET sealed_at = sealed_at - interval '1 year';
UPDATE scoring_scoring SET scored_at = scored_at - interval '1 year';
UPDATE submissions_submission SET received_at = received_at - interval '1 year',
    completed_at = completed_at - interval '1 year'"""


@pytest.fixture
def just_pruned(
    clear: Callable[..., Submission],
    private_data: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Submission:
    """A cleared submission whose two events were sealed and pruned."""
    signing_key_ensure()
    old = clear()
    # The test's own transaction counts as ended, for it is never committed; a later one has to exist.
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_current_xact_id()")
    seen = sealing.horizon()
    monkeypatch.setattr(sealing, "horizon", lambda: seen._replace(oldest=seen.next))
    assert sealing.batch_seal()
    settings.AUDIT_KEPT_DAYS = -1  # sealed before tomorrow
    detail = prune_next()
    assert detail
    assert detail["deleted"] == 2
    return old


@pytest.fixture
def pruned(just_pruned: Submission) -> Submission:
    """A year ago."""
    execute(YEAR_PASSES)
    return just_pruned


def seal_all() -> None:
    """Sealing waits for transactions of the whole cluster, so for those of tests of other workers, too."""
    ends = sealing.horizon().next
    assert eventually(lambda: sealing.horizon().oldest >= ends, 300)
    sealing.seal_all()


def execute(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)  # type: ignore[arg-type]


def test_records_of_pruned_events_are_told_and_are_no_fault(pruned: Submission) -> None:
    uncompared = Uncompared.read()
    assert record_problems(uncompared) == []
    (note,) = uncompared.notes()
    assert note.startswith("3 records (")
    assert note.endswith("cannot be compared: their events were pruned, up to batch 1.")
    assert "verdict: 1" in note


def test_newer_records_without_event_are_named(pruned: Submission, clear: Callable[..., Submission]) -> None:
    newer = clear()
    assert record_problems() == []
    execute("DELETE FROM audit_event WHERE target_id = %s", str(newer.pk))
    named = "\n".join(record_problems())
    assert f"no event: submission {newer.pk}" in named
    assert "no event: verdict" in named
    assert f"no event: result of submission {newer.pk}" in named
    assert str(pruned.pk) not in named


def test_more_old_records_than_were_pruned_are_named(
    pruned: Submission, clear: Callable[..., Submission]
) -> None:
    inserted = clear()
    execute("DELETE FROM audit_event WHERE target_id = %s", str(inserted.pk))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("UPDATE scoring_scoring SET scored_at = (SELECT min(scored_at) FROM scoring_scoring)")
    execute(
        """UPDATE submissions_submission SET (received_at, completed_at) =
            (SELECT min(received_at), min(completed_at) FROM submissions_submission)"""
    )
    (problem,) = record_problems()
    assert problem == ("no event: 4 records (submission: 2, verdict: 2), where the events of 2 were pruned")


def test_a_result_that_no_pruned_event_gave_is_named(pruned: Submission) -> None:
    execute("UPDATE submissions_submission SET result = 'rejected'")
    assert Event.objects.filter(target_id=str(pruned.pk)).count() == 0
    assert record_problems() == [f"no event: result of submission {pruned.pk}"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE scoring_scoring SET risk = risk / 2", "contradicts its event: verdict"),
        ("UPDATE submissions_submission SET sha256 = repeat('0', 64)", "contradicts its event: submission"),
        ("DELETE FROM scoring_vote; DELETE FROM scoring_scoring", "no record: event"),
    ],
)
def test_records_of_pruned_events_are_compared_with_the_archive(
    just_pruned: Submission, change: str, problem: str
) -> None:
    prunings, _ = prunings_read()
    with rolled_back():
        assert archived_events_join(prunings) == 2
        assert record_problems(Uncompared()) == []
    for table in ("scoring_scoring", "scoring_vote", "submissions_submission"):
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(change)
    if not change.startswith("DELETE"):
        assert record_problems() == [], "without the archive nothing is left to compare with"
    assert archived_events_join(prunings) == 2
    assert any(text.startswith(problem) for text in record_problems(Uncompared()))


def test_without_a_file_of_the_archive_records_are_counted_as_before(just_pruned: Submission) -> None:
    prunings, _ = prunings_read()
    storages["archive"].delete(prunings[0].file)
    assert archived_events_join(prunings) is None
    assert record_problems() == []


@pytest.mark.django_db(transaction=True)
def test_the_command_compares_records_with_the_archive_and_verify_looks_for_its_files(
    clear: Callable[..., Submission],
    settings: LazySettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    storage_identity_ensure()
    signing_key_ensure()
    clear()
    seal_all()
    settings.AUDIT_KEPT_DAYS = -1
    detail = prune_next()
    assert detail
    seal_all()
    call_command("audit", "verify", "--archive")
    assert "2 pruned events were read from the archive and compared" in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.audit_event'), to_regclass('pg_temp.pruned_event')")
        assert cursor.fetchone() == (None, None)
    compared_as_application(settings, capsys)
    call_command("verify")
    path = Path(storages["archive"].path(detail["file"]))
    path.write_bytes(b"changed")
    with pytest.raises(CommandError, match="1 differences"):
        call_command("verify")
    path.unlink()
    with pytest.raises(CommandError, match="1 differences"):
        call_command("verify")
    said = capsys.readouterr().out
    assert f"changed: {detail['file']}" in said
    assert f"not in the archive: {detail['file']}" in said


def compared_as_application(settings: LazySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """The application's role may make no temporary table: it counts, and compares where the owner is known."""
    database = connection.settings_dict["NAME"]
    privileges_grant(ROLE)
    execute(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
    try:
        execute(f"SET ROLE {ROLE}")
        call_command("audit", "verify", "--archive")
        said = capsys.readouterr().out
        assert "counted, not compared with the archive" in said
        assert "The audit log is intact." in said
        settings.DATABASE_OWNER_URL = os.environ["DATABASE_URL"]
        call_command("audit", "verify", "--archive")
        assert "2 pruned events were read from the archive and compared" in capsys.readouterr().out
    finally:
        connection.close()  # and the role with it
        execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO PUBLIC')


@pytest.mark.django_db
def test_without_prunings_nothing_temporary_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def looked(*, joins: bool) -> tuple[list[str], list[str]]:
        asked.append(joins)
        return [], []

    monkeypatch.setattr(record_checks, "_in_a_snapshot", looked)
    record_checks.records_verify(archive=True)
    assert asked == [False]


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
