"""With the rights of the application's role: records are written once, and the product still works."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devstack.postgres import ROLE
from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.audit import write_once
from kyc_review.audit.models import Event
from kyc_review.audit.write_once import RECORDS, WriteOnce
from kyc_review.core.db.roles import owned_tables
from kyc_review.lifecycle.cancel import submission_cancel
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.registry.models import Bundle, Promotion
from kyc_review.review.decisions import decision_record, decision_undo, first_call_record
from kyc_review.review.models import Decision, DecisionUndo, FirstCall, ReviewItem
from kyc_review.submissions.models import Submission
from kyc_review.training.models import Comparison, Proposal
from kyc_review.training.proposals import proposal_open

pytestmark = pytest.mark.usefixtures("as_application")
DENIED = "permission denied"


def execute(sql: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)  # type: ignore[arg-type]


def test_the_role_owns_nothing_and_is_no_superuser() -> None:
    assert owned_tables() == 0


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.model)
def test_records_cannot_be_changed_deleted_or_emptied(record: WriteOnce) -> None:
    model = apps.get_model(record.model)
    table = model._meta.db_table
    for statement in (
        *([] if record.is_erased else [f"DELETE FROM {table}"]),
        f"TRUNCATE {table} CASCADE",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
    ):
        with pytest.raises(DatabaseError, match=f"{DENIED}|must be owner"):
            execute(statement)
    for field in model._meta.concrete_fields:
        if not field.generated and field.column not in record.changes:
            with pytest.raises(DatabaseError, match=DENIED):
                execute(f'UPDATE {table} SET "{field.column}" = "{field.column}"')


def rights_of_events() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT privilege_type::text FROM information_schema.role_column_grants
            WHERE table_name = 'audit_event' AND grantee = %s UNION SELECT privilege_type::text
            FROM information_schema.role_table_grants WHERE table_name = 'audit_event' AND grantee = %s""",
            [ROLE, ROLE],
        )
        return sorted(row[0] for row in cursor.fetchall())


def test_rights_are_set_at_once_and_records_are_never_given_more(monkeypatch: pytest.MonkeyPatch) -> None:
    execute("RESET ROLE")
    assert rights_of_events() == ["INSERT", "SELECT"]
    wrong = (*RECORDS, WriteOnce("accounts.User", ("no_such_column",)))
    with monkeypatch.context() as broken, CaptureQueriesContext(connection) as statements:
        broken.setattr(write_once, "RECORDS", wrong)
        with pytest.raises(DatabaseError, match="no_such_column"):
            write_once.privileges_grant(ROLE)
    assert rights_of_events() == ["INSERT", "SELECT"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'accounts_user', 'DELETE')", [ROLE])
        assert cursor.fetchone()[0], "nothing changed where setting the rights failed"
    tables = {f'"{apps.get_model(record.model)._meta.db_table}"' for record in RECORDS}
    grants = [query["sql"] for query in statements if " ON " in query["sql"] and "GRANT" in query["sql"]]
    assert any("DELETE" in text for text in grants)
    assert not [text for text in grants if "DELETE" in text and any(f"{t} " in text for t in tables)]


@pytest.mark.parametrize("column", ["id", "at", "transaction"])
def test_an_event_can_be_neither_numbered_nor_dated(column: str) -> None:
    value = {"id": "1", "at": "now() - interval '1 day'", "transaction": "1"}[column]
    audit.record(action="thing.happened")
    assert Event.objects.filter(action="thing.happened").count() == 1
    with pytest.raises(DatabaseError, match=DENIED):
        execute(
            f"""INSERT INTO audit_event ({column}, action, actor_kind, actor_id, actor_name, target_kind, target_id,
            detail) VALUES ({value}, 'a', 'system', '', '', '', '', '{{}}')"""
        )


def test_a_note_is_emptied_by_erasure_and_by_nothing_else(claimed: ReviewItem, alice: User) -> None:
    first_call_record(item_id=claimed.pk, reviewer=alice, label="fake")
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake", note="a name")
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Decision.objects.update(note="another name")
    submission_erase(submission_id=claimed.submission_id, reason="asked for")
    assert Decision.objects.get().note == ""
    assert Submission.objects.get(pk=claimed.submission_id).erased_at is not None


def test_a_decision_is_undone_by_a_record_of_its_own(
    claimed: ReviewItem, alice: User, settings: LazySettings
) -> None:
    settings.UNDO_WINDOW_S = 60
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    decision_undo(item_id=claimed.pk, reviewer=alice)
    assert DecisionUndo.objects.count() == Decision.objects.count() == 1


def test_cancelling_discards_the_first_call_of_what_was_not_decided(claimed: ReviewItem, alice: User) -> None:
    first_call_record(item_id=claimed.pk, reviewer=alice, label="fake")
    with pytest.raises(DatabaseError, match=DENIED), transaction.atomic():
        FirstCall.objects.all().delete()
    submission_cancel(submission=claimed.submission, actor=claimed.submission.integration)
    assert not FirstCall.objects.exists()


def test_what_the_application_discards_in_the_database_leaves_an_event(
    claimed: ReviewItem, alice: User
) -> None:
    execute("SELECT review_first_calls_discard(%s)", claimed.pk)
    assert not Event.objects.filter(action="item.first_calls_discarded").exists(), "there was none"
    first_call_record(item_id=claimed.pk, reviewer=alice, label="fake")
    execute("SELECT review_first_calls_discard(%s)", claimed.pk)
    assert not FirstCall.objects.exists()
    event = Event.objects.get(action="item.first_calls_discarded")
    (call,) = event.detail["calls"]
    assert (event.target_kind, event.target_id) == ("reviewitem", str(claimed.pk))
    assert event.detail["submission"] == str(claimed.submission_id)
    assert (call["reviewer"], call["label"]) == (alice.pk, "fake")


def test_first_calls_of_a_decided_item_stay(claimed: ReviewItem, alice: User) -> None:
    first_call_record(item_id=claimed.pk, reviewer=alice, label="fake")
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    with pytest.raises(DatabaseError, match="first calls of decided items stay"):
        execute("SELECT review_first_calls_discard(%s)", claimed.pk)


def test_scoring_writes_its_votes(clear: Callable[..., Submission]) -> None:
    assert clear().result == "clear"


def test_a_decided_proposal_and_an_ended_comparison_stay_as_they_are(
    comparison: Comparison, staff: Callable[..., User]
) -> None:
    proposal_open(comparison=comparison, actor=staff("ada", "admin"), reason="a test", override="a test")
    Proposal.objects.update(state="withdrawn")
    with pytest.raises(DatabaseError, match="final rows of training_comparison"), transaction.atomic():
        Comparison.objects.update(report={})
    with (
        pytest.raises(DatabaseError, match="final rows of training_proposal are written once"),
        transaction.atomic(),
    ):
        Proposal.objects.update(remark="changed")


def test_functions_with_the_owners_rights_are_the_applications_alone(claimed: ReviewItem) -> None:
    execute("RESET ROLE")
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.proname, has_function_privilege(%s, p.oid, 'EXECUTE'),
            has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
            FROM pg_proc AS p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace""",
            [ROLE],
        )
        found = cursor.fetchall()
    assert ("review_first_calls_discard", True, False) in found
    assert all((ours, others) == (True, False) for _, ours, others in found)


def test_no_temporary_table_of_the_application_stands_before_those_that_functions_read(
    claimed: ReviewItem, alice: User
) -> None:
    first_call_record(item_id=claimed.pk, reviewer=alice, label="fake")
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    with pytest.raises(DatabaseError, match=DENIED):
        execute("CREATE TEMP TABLE review_decision (item_id bigint)")
    execute("RESET ROLE")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone()
    execute(f'GRANT TEMPORARY ON DATABASE "{name}" TO {ROLE}')  # as an installation may do
    execute(f"SET LOCAL ROLE {ROLE}")
    execute("CREATE TEMP TABLE review_decision (item_id bigint); GRANT SELECT ON review_decision TO PUBLIC")
    with pytest.raises(DatabaseError, match="first calls of decided items stay"):
        execute("SELECT review_first_calls_discard(%s)", claimed.pk)
    execute("CREATE TEMP TABLE submissions_submission (id uuid, erased_at timestamptz)")
    execute("INSERT INTO submissions_submission VALUES (%s, now())", claimed.submission_id)
    with pytest.raises(DatabaseError, match="immutable"):
        execute("UPDATE public.review_decision SET note = ''")


def test_every_function_looks_for_temporary_tables_last() -> None:
    execute("RESET ROLE")
    with connection.cursor() as cursor:
        cursor.execute(write_once.OWN_FUNCTIONS)
        own = [signature for (signature,) in cursor.fetchall()]
        cursor.execute(
            """SELECT oid::regprocedure::text FROM pg_proc
            WHERE 'search_path=pg_catalog, public, pg_temp' = ANY(proconfig)"""
        )
        safe = {signature for (signature,) in cursor.fetchall()}
    assert len(own) > 5
    assert set(own) <= safe


def test_what_was_posted_stays(clear: Callable[..., Submission]) -> None:
    clear()
    for change in ("is_planted = true", "sha256 = repeat('0', 64)", "received_at = now()"):
        with pytest.raises(DatabaseError, match=DENIED):
            execute(f"UPDATE submissions_submission SET {change}")


def test_promotions_and_decisions_are_dated_by_the_database(
    serving: Bundle, claimed: ReviewItem, alice: User
) -> None:
    decision_record(item_id=claimed.pk, reviewer=alice, label="fake")
    execute(
        "INSERT INTO registry_promotion (bundle_id, kind, reason, shift, promoted_at) VALUES (%s, %s, '', 1, %s)",
        serving.pk, "promote", "2020-01-01",
    )  # fmt: skip
    execute(
        """INSERT INTO review_decision SELECT (jsonb_populate_record(d,
            '{"id": 999999, "decided_at": "2020-01-01"}')).* FROM review_decision AS d"""
    )
    recent = timezone.now() - timedelta(hours=1)
    assert not Promotion.objects.filter(promoted_at__lt=recent).exists()
    assert Decision.objects.filter(decided_at__gt=recent).count() == 2


@pytest.mark.parametrize("shift", ["50", "-3.1", "'NaN'"])
def test_a_shift_that_no_comparison_measures_is_refused(serving: Bundle, shift: str) -> None:
    with pytest.raises(DatabaseError, match="promotion_shift_bounded"):
        execute(
            "INSERT INTO registry_promotion (bundle_id, kind, reason, shift, promoted_at) "
            f"VALUES (%s, 'promote', '', {shift}, now())",
            serving.pk,
        )


def test_an_erased_submission_stays_erased(claimed: ReviewItem, alice: User) -> None:
    submission_erase(submission_id=claimed.submission_id, reason="asked for")
    for value in ("NULL", "now() + interval '1 day'"):
        with pytest.raises(DatabaseError, match="is erased and stays so"):
            execute(f"UPDATE submissions_submission SET erased_at = {value}")
    assert Submission.objects.get(pk=claimed.submission_id).erased_at is not None
