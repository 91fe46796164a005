"""Events that were pruned next to those of the log, while one transaction compares records with them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from django.db import connection

from kyc_review.audit.models import Event
from kyc_review.audit.pruned import PRUNED_ACTIONS, FileRefused, Pruning, file_read
from kyc_review.core.row_archive import archive_lines

LINES_AT_ONCE = 5000
LOG = Event._meta.db_table
COLUMNS = "id, at, action, actor_kind, actor_id, actor_name, target_kind, target_id, detail"
# Names without a schema are looked up among temporary tables first, so every comparison reads the view of that name.
BEGIN = f"""CREATE TEMPORARY TABLE pruned_event (LIKE {LOG}) ON COMMIT DROP"""
FILL = f"""INSERT INTO pruned_event ({COLUMNS}, transaction)
SELECT event.*, 0 FROM unnest(%s::text[]) AS line, jsonb_to_record(line::jsonb) AS event(id bigint, at timestamptz,
    action text, actor_kind text, actor_id text, actor_name text, target_kind text, target_id text, detail jsonb)
WHERE event.action = ANY(%s) AND NOT EXISTS (SELECT FROM {LOG} AS kept WHERE kept.id = event.id)"""  # noqa: S608
JOIN = """ANALYZE pruned_event;
CREATE TEMPORARY VIEW {log} AS SELECT * FROM {schema}.{log} UNION ALL SELECT * FROM pruned_event"""


def archived_events_join(prunings: Iterable[Pruning]) -> int | None:
    """Until the transaction ends, its statements find pruned events in the log, too; how many there are.

    None, and nothing is joined, when a file is missing or another one. Raises StorageUnavailable.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
        cursor.execute(BEGIN)
        joined = 0
        for one in prunings:
            try:
                content = file_read(one)
            except FileRefused:  # a problem that `verify` names
                return None
            rest = archive_lines(content)
            while lines := list(islice(rest, LINES_AT_ONCE)):
                cursor.execute(FILL, [lines, list(PRUNED_ACTIONS)])
                joined += cursor.rowcount
        cursor.execute(f"SET LOCAL search_path = pg_temp, {schema}")
        cursor.execute(JOIN.format(log=LOG, schema=schema))
    return joined
