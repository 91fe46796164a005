"""Pages of a long queue are read from an index where they begin; claims too."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kyc_review.accounts.models import User
from kyc_review.review import statements
from kyc_review.review.models import ReviewItem
from kyc_review.review.queue_list import QueueFilter, Sort, queue_page
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db
# A measurement sets more: QUEUE_ITEMS=100000 pytest -s tests/kyc_review/review/test_queue_list.py
ITEMS = int(os.environ.get("QUEUE_ITEMS", "6000"))


@pytest.fixture
def sue(staff: Callable[..., User]) -> User:
    return staff("sue", "senior")


@pytest.fixture
def long_queue(enqueue: Callable[..., ReviewItem]) -> None:
    """ITEMS waiting items, half of them blind; each has its own submission."""
    model = enqueue().submission
    names = [str(field.column) for field in Submission._meta.concrete_fields if not field.generated]
    changed = {"id": "gen_random_uuid()", "image_key": "'q/' || n || '.jpg'", "external_ref": "'q-' || n"}
    values = ", ".join(changed.get(name, f'"{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO submissions_submission ({columns}) SELECT {values} "
            "FROM submissions_submission, generate_series(1, %s) n WHERE submissions_submission.id = %s",
            [ITEMS, model.pk],
        )
        cursor.execute(
            """INSERT INTO review_reviewitem (submission_id, reason, masked_reason, queue_reason, message,
                   is_blind, is_escalated, risk, state, opened_at)
               SELECT id, 'split_vote', '', '', '', n %% 2 = 0, false, (n %% 100) / 100.0, 'open',
                   now() - n * interval '1 second'
               FROM (SELECT id, row_number() OVER () n FROM submissions_submission WHERE id <> %s) made""",
            [model.pk],
        )
        cursor.execute("ANALYZE review_reviewitem")
        cursor.execute("ANALYZE submissions_submission")


def plan_of(sql: str, values: dict[str, int] | None = None) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
        (plan,) = cursor.fetchone()
    return json.loads(plan)[0]["Plan"] if isinstance(plan, str) else plan[0]["Plan"]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


def reads_by(plan: dict[str, Any], index: str) -> bool:
    """Whether items come from this index, none of them sorted, and only about a page of them."""
    found = nodes(plan)
    scans = [node for node in found if node.get("Index Name") == index]
    # Reserved items are few, and may be sorted.
    sorts = index != "item_reserved" and any("Sort" in node["Node Type"] for node in found)
    return bool(scans) and not sorts and all(node["Actual Rows"] <= 120 for node in scans)


@pytest.mark.usefixtures("long_queue")
@pytest.mark.parametrize(
    ("sort", "index"),
    [
        (Sort.ORDER, "item_queue_order"),
        (Sort.OLDEST, "item_waiting_since"),
        (Sort.NEWEST, "item_waiting_since"),
    ],
)
@pytest.mark.parametrize("is_deep", [False, True], ids=["first", "deep"])
def test_a_page_is_read_from_the_index_where_it_begins(
    sue: User, sort: Sort, index: str, is_deep: bool
) -> None:
    middle = ReviewItem.objects.order_by("opened_at")[ITEMS // 2].pk
    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        page = queue_page(viewer=sue, wanted=QueueFilter(sort=sort), after=middle if is_deep else None)
        print(sort, is_deep, f"{1000 * (time.perf_counter() - began):.1f} ms of {ITEMS}")
    assert len(page.items) == 50
    (sql,) = [query["sql"] for query in captured if "LIMIT 51" in query["sql"]]
    assert reads_by(plan_of(sql), index), json.dumps(plan_of(sql))[:3000]


@pytest.mark.usefixtures("long_queue")
@pytest.mark.parametrize(
    "source", [statements.OFFERED, statements.PREFETCHED], ids=["offered", "reserved ahead"]
)
def test_the_next_item_is_read_from_the_same_index(alice: User, source: str) -> None:
    parts = [
        statements.ITEMS_FOR_PERSON,
        source,
        statements.NOT_ESCALATED,
        statements.NOT_SKIPPED,
        statements.FIRST,
    ]
    plan = plan_of("\n".join(parts), {"person": alice.pk})
    index = "item_queue_order" if source == statements.OFFERED else "item_reserved"
    assert reads_by(plan, index), json.dumps(plan)[:3000]
