"""What a pruned event said of a record cannot be compared any more: that is told, and what is newer is still named."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection

from kyc_review.audit import sealing
from kyc_review.audit.models import Event
from kyc_review.audit.pruning import prune_next
from kyc_review.audit.record_checks import record_problems
from kyc_review.audit.signing import signing_key_ensure
from kyc_review.audit.uncompared import Uncompared
from kyc_review.submissions.models import Submission

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
def pruned(
    clear: Callable[..., Submission],
    private_data: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Submission:
    """A cleared submission whose two events were sealed and pruned a year ago."""
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
    execute(YEAR_PASSES)
    return old


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
