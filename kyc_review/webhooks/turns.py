"""Whose turn it is: endpoints share the senders so that those which do not answer never hold up those which do.

Three rules, counted over all workers in the database:

- An endpoint has at most AT_ONCE_PER_ENDPOINT messages in flight; one that is failing has one, as a probe.
- Failing endpoints together have at most AT_ONCE_FAILING, however many they are; the rest is for the others.
- The endpoints take turns: the first message of each comes before the second of any.
"""

import uuid
from collections import Counter

from django.db import connection
from django.db.models import F, Q, Window
from django.db.models.functions import Now, RowNumber

from kyc_review.core import leases
from kyc_review.webhooks.models import Delivery, Endpoint

# Threads that wait for a receiver cost little, so there are enough of them for many receivers that fall silent at once.
AT_ONCE = 48
AT_ONCE_PER_ENDPOINT = 3
AT_ONCE_FAILING = 12
# One worker chooses at a time, so that two do not count the same free place; held for a few milliseconds.
LOCK = 0x6B79635F77656268


def due_in_turns(*, limit: int) -> list[uuid.UUID]:
    """Up to `limit` due deliveries that may be sent now. In a transaction, at whose end the next worker chooses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    in_flight = Counter(
        Delivery.objects.filter(state=Delivery.State.SENDING, due_at__gt=Now()).values_list(
            "endpoint", flat=True
        )
    )
    failing = set(
        Endpoint.objects.filter(failing_since__isnull=False, is_active=True).values_list("pk", flat=True)
    )
    places_failing = AT_ONCE_FAILING - sum(in_flight[endpoint] for endpoint in failing)
    chosen = []
    for pk, endpoint in _in_turns():
        share = 1 if endpoint in failing else AT_ONCE_PER_ENDPOINT
        if in_flight[endpoint] >= share or (endpoint in failing and places_failing <= 0):
            continue
        in_flight[endpoint] += 1
        places_failing -= endpoint in failing
        chosen.append(pk)
        if len(chosen) == limit:
            break
    return chosen


def _in_turns() -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Due deliveries with their endpoints: the oldest of each endpoint, then the second of each, and so on."""
    turn = Window(RowNumber(), partition_by=F("endpoint"), order_by=["due_at", "pk"])
    rows = (
        Delivery.objects.filter(
            leases.due(Delivery.State.PENDING, Delivery.State.SENDING),
            Q(endpoint__paused_until=None) | Q(endpoint__paused_until__lte=Now()),
            endpoint__is_active=True,
        )
        .annotate(turn=turn)
        .filter(turn__lte=AT_ONCE_PER_ENDPOINT)
        .order_by("turn", "due_at")
    )
    return list(rows.values_list("pk", "endpoint"))
