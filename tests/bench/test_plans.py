"""Claims, leases, sweeps and near-duplicate searches read few rows, however many there are.

A small filled database looks a thousand times as large to Postgres, which then plans as for millions of rows: it takes
the number of rows from the statistics, and the distribution of values, and what waits, from the rows that are there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from bench import rows, rows_filling
from kyc_review.accounts.models import IdempotencyRecord
from kyc_review.review.models import Decision, DecisionUndo, ReviewItem

TIMES = 1000
ROWS_MIN = 1_000_000
# They count or seal what is new, in steps of their own; bench/rows.py measures them.
COUNTING = ("count_", "measure_evidence", "audit.tasks.seal")
# The most that a statement may read or sort.
MOST = 2_500
MOST_COST = 5_000  # of which a thousand rows from an index have a few hundred
# Every item of the queue, with one look into an index for each.
COST_OF = {"sweep_evidence": 20_000}
WAITING = 5_000  # items in the queue
READS = ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT", "(SELECT")
# Tables that grow with the history. Those of what is open, and of people and settings, do not.
GROWING = [
    "audit_event",
    "evidence_evidence",
    "evidence_fingerprint",
    "evidence_likeness",
    "review_auditdraw",
    "review_decision",
    "review_decisionundo",
    "review_firstcall",
    "review_outcomeexposure",
    "scoring_checkresult",
    "scoring_scoring",
    "scoring_vote",
    "submissions_idempotencyrecord",
    "submissions_submission",
    "webhooks_attempt",
    "webhooks_delivery",
    "webhooks_event",
]
ITEMS = "review_reviewitem"
# Values of which there are more, the more rows there are: for Postgres a share of the rows, else it would believe that
# each is in a thousand times as many.
SHARES = """
SELECT format('ALTER TABLE %%I ALTER %%I SET (n_distinct = %%s)', tablename, attname, -n_distinct / reltuples)
FROM pg_stats JOIN pg_class ON oid = format('public.%%I', tablename)::regclass
WHERE schemaname = 'public' AND tablename = ANY(%s) AND reltuples > 0 AND n_distinct > greatest(50, reltuples / 50)
"""
# Of a table that is read whole, statistics keep the hundred smallest ids as frequent values: 3 % of the runs would ask
# for one of them. Ids have no frequent values in large tables.
OF_IDS = """
SELECT tablename, pg_stats.attname, null_frac, avg_width, n_distinct FROM pg_stats
JOIN pg_attribute ON attrelid = format('public.%%I', tablename)::regclass AND pg_attribute.attname = pg_stats.attname
WHERE schemaname = 'public' AND tablename = ANY(%s) AND atttypid = 'uuid'::regtype
"""
FORGET = "SELECT pg_clear_attribute_stats('public', %s, %s, false)"
RESTORE = """
SELECT pg_restore_attribute_stats('schemaname', 'public', 'relname', %s::text, 'attname', %s::text, 'inherited', false,
    'null_frac', %s::real, 'avg_width', %s::integer, 'n_distinct', %s::real)
"""
LARGER = """
SELECT relname, pg_restore_relation_stats('schemaname', 'public', 'relname', relname::text, 'relpages', 1,
    'reltuples', (greatest(%s * reltuples, %s) / greatest(relpages, 1))::real)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND reltuples > 0
"""
# Indexes of what waits alone, which have statistics of their own.
QUEUE = """
SELECT relname, pg_restore_relation_stats('schemaname', 'public', 'relname', relname::text, 'relpages', 1,
    'reltuples', (%s / greatest(relpages, 1))::real)
FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
WHERE indrelid = 'review_reviewitem'::regclass AND indpred IS NOT NULL AND reltuples > 0
"""


# Index -> the act that needs it.
NEEDED = {
    "item_queue_order": "claim: next",
    "submission_to_score": "lease: 64",
    "webhook_delivery_due": "lease: 20",
    "fingerprint_near_2": "near-duplicates",
    "evidence_to_compute": "sweep_evidence",
    "submission_by_applicant_ref": "erasure by person",
}


@pytest.fixture
def large(db: None) -> None:
    if connection.pg_version < 180000:  # type: ignore[attr-defined]
        pytest.skip("statistics can be set since Postgres 18")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")  # the same draws each time
    rows_filling.fill(3000, waiting=12, say=lambda text: None)
    assert ReviewItem.objects.filter(state="open").count() in range(3, 12), "not for some thousands"
    DecisionUndo.objects.create(decision=Decision.objects.all()[0])
    assert IdempotencyRecord.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table is altered before
        cursor.execute("ANALYZE")
        cursor.execute(SHARES, [[*GROWING, ITEMS]])
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
        cursor.execute("ANALYZE")
        cursor.execute(OF_IDS, [[*GROWING, ITEMS]])
        for table, column, *numbers in cursor.fetchall():
            cursor.execute(FORGET, [table, column])
            cursor.execute(RESTORE, [table, column, *numbers])
            assert cursor.fetchone() == (True,)
        # Of the items some thousands wait.
        for tables, rows_min in ((GROWING, ROWS_MIN), ([ITEMS], 0)):
            cursor.execute(LARGER, [TIMES, rows_min, tables])
            assert sorted(name for name, is_done in cursor.fetchall() if is_done) == tables
        cursor.execute(QUEUE, [WAITING])
        assert {"item_queue_order", "item_waiting_since"} <= {name for name, _ in cursor.fetchall()}


@contextmanager
def explained(found: list[tuple[str, Any]]) -> Iterator[None]:
    """Adds each statement of the block with its plan."""

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if str(sql).lstrip().startswith(READS) and not many:
            raw = context["cursor"].cursor
            raw.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            found.append((" ".join(str(sql).split()), raw.fetchone()[0][0]["Plan"]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield


def nodes(plan: dict[str, Any], asked: float = float("inf")) -> Iterator[tuple[dict[str, Any], float]]:
    """Each node, and how many of its rows are asked for at most."""
    asked = min(asked, plan["Plan Rows"]) if plan["Node Type"] == "Limit" else asked
    yield plan, asked
    for inner in plan.get("Plans", ()):
        # Who sorts or groups asks for all rows.
        yield from nodes(inner, float("inf") if plan["Node Type"] in ("Sort", "Aggregate", "Hash") else asked)


def faults(plan: dict[str, Any], act: str) -> Iterator[str]:
    if plan["Total Cost"] > COST_OF.get(act.rsplit(".", 1)[-1], MOST_COST):
        yield f"costs {plan['Total Cost']}"
    for node, asked in nodes(plan):
        kind, number, table = node["Node Type"], node["Plan Rows"], node.get("Relation Name")
        if kind == "Seq Scan" and table in (*GROWING, ITEMS):
            yield f"reads all of {table}"
        elif "Scan" in kind and table in (*GROWING, ITEMS) and min(number, asked) > MOST:
            yield f"reads {number} of {table}"
        if kind == "Sort" and number > min(asked, MOST):
            yield f"sorts {number} of which {asked} are asked for"


def found_in(acts: Iterator[tuple[str, Callable[[], Any]]], part: str = "") -> tuple[int, list[str]]:
    """How many statements the acts with this in their names execute, and what is wrong with their plans."""
    number, wrong = 0, []
    for name, act in acts:
        if part not in name or any(one in name for one in COUNTING):
            continue
        statements: list[tuple[str, Any]] = []
        with transaction.atomic(), explained(statements):
            act()
            transaction.set_rollback(True)
        number += len(statements)
        wrong += [
            f"{name}: {'; '.join(bad)}: {sql}"
            for sql, plan in statements
            if (bad := list(faults(plan, name)))
        ]
    return number, wrong


def test_what_workers_and_reviewers_repeat_reads_few_rows_of_an_index(large: None) -> None:
    values = rows.known()
    number, wrong = found_in(rows.acts(values))
    assert not wrong, "\n".join(wrong)
    assert number > 80
    missed = []
    for index, part in NEEDED.items():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {index}")
            if not found_in(rows.acts(values), part)[1]:
                missed.append(index)
            transaction.set_rollback(True)
    assert missed == [], "a missing index is not noticed"
