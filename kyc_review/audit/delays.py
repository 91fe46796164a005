"""Why settled events are not sealed although sealing runs: who holds the sealer's lock, or keeps a transaction open.

Any session of the database can hold an advisory lock, and sealing then waits without an error of its own.
"""

from __future__ import annotations

from datetime import timedelta

from kyc_review.audit.sealing import LOCK, oldest_unsealed_at
from kyc_review.core.db.clock import database_now
from kyc_review.core.db.statements import fetch_all

LATE_AFTER = timedelta(seconds=60)  # sealing runs every 10 s
SESSION = """a.pid || ' (role ' || coalesce(a.usename, '?') || ', application ' || coalesce(a.application_name, '?')
    || ', from ' || coalesce(host(a.client_addr), 'a local socket') || ')'"""
# A sealer that works through a backlog holds the lock for one batch at a time. What belongs to other roles is hidden
# from the application's (no times): then the lock counts as held for long.
HOLDERS = f"""SELECT 'session ' || coalesce({SESSION}, l.pid::text) || ' holds the lock of the sealer'
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32 | l.objid::bigint) = %(lock)s AND l.pid <> pg_backend_pid()
        AND coalesce(a.xact_start, a.state_change, '-infinity') < statement_timestamp() - %(since)s"""  # noqa: S608
OPEN = f"""SELECT 'the transaction of session ' || {SESSION} || ' is open since ' || a.xact_start
    FROM pg_stat_activity AS a
    WHERE a.backend_xid IS NOT NULL AND a.xact_start < statement_timestamp() - %(since)s
    UNION ALL SELECT 'the prepared transaction ' || gid || ' of role ' || owner || ' waits' FROM pg_prepared_xacts"""  # noqa: S608
HIDDEN = "a superuser finds in pg_stat_activity whose transaction is open"


def why_late() -> str:
    """What keeps sealing back; empty while no event waits longer than LATE_AFTER."""
    oldest = oldest_unsealed_at()
    if oldest is None or database_now() - oldest < LATE_AFTER:
        return ""
    values = {"lock": LOCK, "since": LATE_AFTER}
    found = fetch_all(HOLDERS, values) or fetch_all(OPEN, {"since": LATE_AFTER})
    return "; ".join(text for (text,) in found) or HIDDEN
