"""Compares records with the events that were written in the same transaction: what the seals say of events then holds
for these records, too."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from kyc_review.audit.archived_events import archived_events_join
from kyc_review.audit.pruned import PRUNED_ACTIONS, prunings_read
from kyc_review.audit.record_kinds import Compared, RecordKind, Told, record_kinds
from kyc_review.audit.uncompared import APART_MAX, Uncompared
from kyc_review.core.db.roles import RoleError, as_owner, may_make_temporary

NAMED = 20
ROWS_AT_ONCE = 2000
UNREADABLE = "SELECT id FROM audit_event WHERE jsonb_typeof(detail) <> 'object' ORDER BY id"
# Without these CASEs one event, which stays for good, would stop every comparison for good.
READ = "CASE jsonb_typeof(detail) WHEN 'object' THEN detail ELSE '{{}}' END"
AFTER = "CASE jsonb_typeof(detail->'after') WHEN 'object' THEN detail->'after' ELSE '{{}}' END"
# The n-th record of an act by a person on a target belongs to the n-th such event. Postgres sorts and joins on disk
# what exceeds its work memory, so all rows of a kind are one statement.
COMPARE = f"""WITH record AS (
    SELECT *, row_number() OVER (PARTITION BY action, target, actor ORDER BY id) AS n
    FROM ({{records}}) AS r(id, at, action, target, actor, said)
), event AS (
    SELECT id, at, action, {{target}} AS target, actor_id AS actor,
        {READ} || {AFTER} AS detail,
        row_number() OVER (PARTITION BY action, {{target}}, actor_id ORDER BY id) AS n
    FROM audit_event WHERE action = ANY(%(actions)s)
), pair AS (
    SELECT record.id AS record, event.id AS event, action, record.at AS recorded_at,
        record.at NOT BETWEEN event.at - %(apart)s AND event.at + %(apart)s AS apart,
        ARRAY(SELECT f.key FROM jsonb_each(event.detail) AS f
            WHERE record.said ? f.key AND record.said->f.key <> f.value ORDER BY f.key) AS wrong
    FROM record FULL JOIN event USING (action, target, actor, n)
)
SELECT record, event, action, recorded_at, coalesce(apart, true), wrong FROM pair
WHERE record IS NULL OR event IS NULL OR coalesce(apart, true) OR wrong <> '{{{{}}}}' ORDER BY record, event"""  # noqa: S608  (SQL of our own)

OLDER = "SELECT count(*) FROM audit_event WHERE action = ANY(%(actions)s) AND NOT detail ? %(since)s"


COUNTED = (
    "Records of pruned events were counted, not compared with the archive: that needs a temporary table, and this role "
    "may make none. Run it with DATABASE_OWNER_URL, in compose: docker compose run --rm migrate python manage.py audit "
    "verify --archive."
)


def records_verify(*, archive: bool = False) -> tuple[list[str], list[str]]:
    """`record_problems` of every kind, and notes, in one snapshot of the database.

    archive: records of pruned events are compared with those, too, by a role that may make a temporary table: the
    current one or DATABASE_OWNER_URL's; without any they are counted, and a note says so. Raises StorageUnavailable.
    """
    if not archive or not prunings_read()[0]:
        return _in_a_snapshot(joins=False)
    if may_make_temporary():
        return _in_a_snapshot(joins=True)
    if settings.DATABASE_OWNER_URL:
        with suppress(RoleError), as_owner():  # refused where it leads to a pooler
            if may_make_temporary():
                return _in_a_snapshot(joins=True)
    problems, notes = _in_a_snapshot(joins=False)
    return problems, [*notes, COUNTED]


@transaction.atomic
def _in_a_snapshot(*, joins: bool) -> tuple[list[str], list[str]]:
    with connection.cursor() as cursor:
        # Pruned events are put into a temporary table, which a transaction that only reads cannot make.
        reads = "" if joins else "READ ONLY"
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ {reads}")
    uncompared, notes = Uncompared.read(), []
    if joins and (joined := archived_events_join(prunings_read()[0])) is not None:
        uncompared = Uncompared()
        notes = [f"{joined} pruned events were read from the archive and compared with their records."]
    problems = record_problems(uncompared)
    return problems, record_notes() + uncompared.notes() + notes


def record_problems(uncompared: Uncompared | None = None) -> list[str]:
    """A problem for events whose detail cannot be read, for records without event, for those whose event says otherwise
    or is dated otherwise, and for events without record; at most NAMED of a sort are named. Needs a transaction.

    Records whose event may have been pruned are counted in `uncompared`, and a problem only if they are too many.
    """
    uncompared = uncompared or Uncompared.read()
    found = _unreadable()
    for kind in record_kinds():
        if isinstance(kind, RecordKind):
            found += _problems(kind, uncompared)
        elif isinstance(kind, Compared):
            found += _compared_problems(kind, uncompared)
    return found + uncompared.problems()


def _unreadable() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE)
        named = [f"event {event} (its detail is no object)" for (event,) in cursor.fetchall()]
    return [_problem("unreadable", named)] if named else []


def record_notes() -> list[str]:
    """What a reader should know although it is no sign of tampering: what older events do not hold, records `Told`."""
    found = []
    with connection.cursor() as cursor:
        for kind in record_kinds():
            if isinstance(kind, Told):
                cursor.execute(kind.found)
                if named := [f"{kind.name} {key}" for (key,) in cursor.fetchall()]:
                    found.append(_problem(kind.why, named))
            elif isinstance(kind, RecordKind) and kind.since:
                cursor.execute(OLDER, {"actions": list(kind.actions), "since": kind.since})
                if number := cursor.fetchone()[0]:
                    found.append(
                        f"{number} events of a {kind.name} were written before they held {kind.since}: that part of "
                        "those records is not compared."
                    )
    return found


def _problems(kind: RecordKind, uncompared: Uncompared) -> list[str]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    with connection.chunked_cursor() as cursor:
        cursor.cursor.itersize = ROWS_AT_ONCE
        values: dict[str, Any] = {"actions": list(kind.actions), "apart": APART_MAX}
        cursor.execute(COMPARE.format(records=kind.records, target=kind.target), values)
        for record, event, action, at, apart, wrong in cursor:
            if event is None:
                if uncompared.takes(kind.name, at if action in PRUNED_ACTIONS else None):
                    continue
                found["no event"].append(f"{kind.name} {record} ({action})")
            elif record is None:
                found["no record"].append(f"event {event} ({action}) of a {kind.name}")
            elif wrong:
                names = ", ".join(wrong)
                found["contradicts its event"].append(f"{kind.name} {record} ({names}; event {event})")
            elif apart:
                found["dated away from its event"].append(f"{kind.name} {record} (event {event})")
    return [_problem(sort, named) for sort, named in found.items()]


def _compared_problems(kind: Compared, uncompared: Uncompared) -> list[str]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    with connection.chunked_cursor() as cursor:
        cursor.cursor.itersize = ROWS_AT_ONCE
        cursor.execute(kind.found)
        for record, event, names, at in cursor:
            if event is None:
                if uncompared.takes(kind.name, at, is_own=kind.has_own_event):
                    continue
                found["no event"].append(f"{kind.name} {record}")
            elif record is None:
                found["no record"].append(f"event {event} of a {kind.name}")
            else:
                named = ", ".join(names) + (f"; event {event}" if event else "")
                found[kind.sort].append(f"{kind.name} {record} ({named})")
    return [_problem(sort, named) for sort, named in found.items()]


def _problem(sort: str, named: list[str]) -> str:
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{sort}: {', '.join(named[:NAMED])}{more}"
