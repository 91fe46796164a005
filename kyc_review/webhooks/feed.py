"""The events of an integration as a list to poll, oldest first; nothing is ever inserted before what was read."""

from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q

from kyc_review.accounts.models import ApiKey
from kyc_review.webhooks.models import Event, Kind

# An event bears the time of its statement and is seen from its commit on. So nothing is shown that is
# younger than the oldest open transaction that has written events, or waits to: it holds, or waits for,
# this lock on the table until its end. Transactions that only read, such as a backup, hold up nothing: if
# one writes an event later, it bears the time of that later statement. The second covers the moment between
# the start of a statement and its lock. What is not known (the start of a transaction of another role, or a
# prepared one) is taken for very old. Asked in a statement of its own, because the list must be read
# afterwards.
SETTLED_BEFORE = """
SELECT least(min(coalesce(activity.xact_start, 'epoch')), statement_timestamp() - interval '1 second')
FROM pg_locks lock LEFT JOIN pg_stat_activity activity USING (pid)
WHERE lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND lock.relation = %s::regclass AND lock.mode = 'RowExclusiveLock'
    AND pid IS DISTINCT FROM pg_backend_pid() AND activity.state IS DISTINCT FROM 'idle'
"""


def events_page(*, viewer: ApiKey, after: UUID | None, limit: int) -> tuple[list[Event], bool]:
    """The events that follow the event `after`, and whether more follow. A key sees its integration's and its mode's.

    Raises Event.DoesNotExist when `after` is none of them.
    """
    rows = Event.objects.filter(
        integration=viewer.integration_id, payload__data__is_test=viewer.is_test
    ).exclude(kind=Kind.TEST)
    if after is not None:
        last = rows.only("created_at").get(pk=after)
        rows = rows.filter(Q(created_at__gt=last.created_at) | Q(created_at=last.created_at, pk__gt=last.pk))
    found = list(rows.filter(created_at__lt=_settled_before()).order_by("created_at", "pk")[: limit + 1])
    return found[:limit], len(found) > limit


def _settled_before() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(SETTLED_BEFORE, [Event._meta.db_table])
        return cursor.fetchone()[0]
