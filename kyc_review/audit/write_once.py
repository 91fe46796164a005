"""What the application's role may do with each table. Records are written once: no DELETE, no TRUNCATE, no UPDATE.

Where a record has a life before it is final, the columns that change are named here, and a trigger of its app refuses
changes of what is final. The role owns no table, so it can neither switch a trigger off nor grant itself a right.
docs/audit.md says how erasure works with that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model
from psycopg import sql

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

# What the database sets; a role that could write them could back-date an event.
SET_BY_DATABASE = {"audit.Event": ("id", "at", "transaction")}
LEASE = ("lease_holder", "due_at", "state", "error")


class WriteOnce(NamedTuple):
    """`changes`: the columns that may be updated until a trigger says that the row is final. `is_erased`: an erasure
    deletes the row."""

    model: str
    changes: tuple[str, ...] = ()
    is_erased: bool = False


RECORDS = (
    WriteOnce("audit.Event"),
    WriteOnce("audit.SealedBatch"),
    WriteOnce("review.Decision", ("note",)),  # emptied, once the submission is erased
    WriteOnce("review.DecisionUndo"),
    WriteOnce("review.FirstCall"),
    WriteOnce("review.AuditDraw", is_erased=True),  # its chance is behind every weighted figure
    WriteOnce("scoring.Scoring"),
    WriteOnce("scoring.Vote"),
    WriteOnce("scoring.CheckResult"),
    WriteOnce("registry.Bundle"),
    WriteOnce("registry.Promotion"),
    WriteOnce(
        "submissions.Submission",  # its picture, time, integration and kind stay as they were posted
        (
            *LEASE[:-1],
            "attempts",
            "last_error",
            "result",
            "result_reason",
            "completed_at",
            "cancelled_at",
            "external_ref",
            "applicant_ref",
            "metadata",
            "erased_at",
            "erasure_settled_at",
        ),
    ),
    WriteOnce(
        "training.TrainingRun",
        (*LEASE, "attempts", "cancel_asked", "started_at", "ended_at", "candidate_id"),
    ),  # until it has succeeded
    WriteOnce(
        "training.Proposal", ("state", "decided_at", "decided_by_id", "remark", "gate_at_approval")
    ),  # while it is open
    WriteOnce(
        "training.Comparison", (*LEASE, "attempts", "cancel_asked", "started_at", "ended_at", "report")
    ),  # until it has ended
    # A destroyed one stays as an empty row, so that nothing is ever deleted.
    WriteOnce("encryption.DataKey", ("key_encryption_key", "wrapped", "is_complete")),
    WriteOnce("accounts.ApiKey", ("last_used_at", "expires_at", "revoked_at", "erasing_waits")),
    WriteOnce("accounts.AdminRequest", ("state", "decided_at", "decided_by_id")),
    WriteOnce("training.GateSettings"),
    WriteOnce(
        "training.GateProposal", ("state", "decided_at", "decided_by_id", "remark")
    ),  # while it is open
    WriteOnce("planting.PlantingSettings"),
    WriteOnce(
        "planting.PlantingProposal", ("state", "decided_at", "decided_by_id", "remark")
    ),  # while it is open
    WriteOnce("review.PlantedForgery"),
    WriteOnce(
        "datasets.Snapshot",
        (
            *LEASE,
            "attempts",
            "digest",
            "manifest_sha256",
            "size_bytes",
            "facts",
            "ready_at",
            "count_real",
            "count_fake",
        ),
    ),  # until it is ready
)


@transaction.atomic
def privileges_grant(role: str) -> None:
    """Set the rights of the application's role; the caller owns the tables. Safe to repeat while the application runs:
    other sessions see the rights of before or of afterwards, nothing between."""
    records = {apps.get_model(record.model)._meta.db_table: record for record in RECORDS}
    with connection.cursor() as cursor:
        name = sql.Identifier(role)
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
        for table in connection.introspection.table_names():
            if record := records.get(table):
                _grant_on_record(cursor, record, table, name)
            else:
                rights = "SELECT" if table == "django_migrations" else "SELECT, INSERT, UPDATE, DELETE"
                _grant(cursor, rights, table, name)
        _grant_functions(cursor, name)
        _protect_functions(cursor)


# Functions that act with the owner's rights; Postgres lets every role call a new one.
OWNERS_FUNCTIONS = """SELECT p.oid::regprocedure::text FROM pg_proc AS p
    WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) = current_user"""


def _grant_functions(cursor: CursorWrapper, role: sql.Identifier) -> None:
    """Only the application's role may call them (such as `review_first_calls_discard`)."""
    cursor.execute(OWNERS_FUNCTIONS)
    for (signature,) in cursor.fetchall():  # quoted by Postgres itself
        cursor.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(signature)))
        cursor.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(signature), role))


# Not those of extensions, which have no rights of the owner and are called in indexes.
OWN_FUNCTIONS = """SELECT p.oid::regprocedure::text FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) = current_user
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND classid = 'pg_proc'::regclass AND deptype = 'e')"""
DATABASE_IS_OWN = (
    "SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
)


def _protect_functions(cursor: CursorWrapper) -> None:
    """No temporary table or view of the caller takes the place of a table that a function or trigger reads.

    Postgres looks for tables in the caller's temporary schema first unless the path names it last
    (https://www.postgresql.org/docs/current/sql-createfunction.html, "Writing SECURITY DEFINER Functions Safely").
    """
    cursor.execute(OWN_FUNCTIONS)
    for (signature,) in cursor.fetchall():
        text = sql.SQL("ALTER FUNCTION {} SET search_path = pg_catalog, public, pg_temp").format(
            sql.SQL(signature)
        )
        cursor.execute(text)
    cursor.execute(DATABASE_IS_OWN)
    if cursor.fetchone()[0]:
        cursor.execute("SELECT current_database()")
        database = sql.Identifier(cursor.fetchone()[0])
        cursor.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))


def _grant_on_record(cursor: CursorWrapper, record: WriteOnce, table: str, name: sql.Identifier) -> None:
    """What an earlier version granted is taken away first."""
    revoke = sql.SQL("REVOKE ALL ON {} FROM {}").format(sql.Identifier(table), name)
    cursor.execute(revoke)
    _grant(cursor, "SELECT", table, name)
    columns = _columns(apps.get_model(record.model), SET_BY_DATABASE.get(record.model, ()))
    _grant(cursor, "INSERT", table, name, columns)
    if record.changes:
        _grant(cursor, "UPDATE", table, name, record.changes)
    if record.is_erased:
        _grant(cursor, "DELETE", table, name)


def _grant(
    cursor: CursorWrapper, rights: str, table: str, role: sql.Identifier, columns: tuple[str, ...] = ()
) -> None:
    text = sql.SQL("GRANT {}{} ON {} TO {}").format(
        sql.SQL(rights),
        sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns))) if columns else sql.SQL(""),
        sql.Identifier(table),
        role,
    )
    cursor.execute(text)


def _columns(model: type[Model], but: tuple[str, ...]) -> tuple[str, ...]:
    """Nothing when all columns may be given."""
    if not but:
        return ()
    return tuple(str(field.column) for field in model._meta.concrete_fields if field.column not in but)
