"""Indexes that cost writes without being of use."""

import pytest
from django.db import connection

# What grows with the submissions; others have few rows.
GROWING = {
    "submission",
    "lateoutcome",
    "scoring",
    "vote",
    "checkresult",
    "fingerprint",
    "likeness",
    "evidence",
}
GROWING |= {
    "reviewitem",
    "decision",
    "firstcall",
    "outcomeexposure",
    "auditdraw",
    "delivery",
    "attempt",
    "event",
}
# Not unique, and of another index of the whole table the first columns.
COVERED = """
WITH one AS (
    SELECT indrelid, indexrelid, indisunique, indkey::text AS columns, indclass::text AS classes FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
    WHERE amname = 'btree' AND indpred IS NULL AND indexprs IS NULL AND relnamespace = 'public'::regnamespace
)
SELECT split_part(short.indrelid::regclass::text, '_', 2), short.indexrelid::regclass::text FROM one AS short
JOIN one AS long USING (indrelid) WHERE short.indexrelid <> long.indexrelid AND NOT short.indisunique
    AND long.columns LIKE short.columns || ' %' AND long.classes LIKE short.classes || ' %'
"""


def _covered() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(COVERED)
        return {name for table, name in cursor.fetchall() if table in GROWING}


@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another() -> None:
    assert _covered() == set()
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX too_many ON scoring_vote (scoring_id)")
    assert _covered() == {"too_many"}, "the test finds none"
