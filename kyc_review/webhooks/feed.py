"""The events of an integration as a list to poll, oldest first; nothing is ever inserted before what was read."""

from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Q

from kyc_review.accounts.models import ApiKey
from kyc_review.webhooks.models import Event, Kind

# An event bears the time of its statement and is seen from its commit on. So nothing is shown that is younger than
# the oldest transaction that is still open: it may commit an older event. A second covers a transaction that begins
# at this moment. Asked in a statement of its own, because the list must be read afterwards.
SETTLED_BEFORE = """
SELECT least(min(xact_start), clock_timestamp() - interval '1 second')
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
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
        cursor.execute(SETTLED_BEFORE)
        return cursor.fetchone()[0]
