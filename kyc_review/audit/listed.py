"""Which events batches list, as a bitmap: a million events take 125 kB."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.db import connection

PAGE_BITS = 16
EVENTS = "SELECT id, transaction FROM audit_event ORDER BY transaction, id"
ROWS_AT_ONCE = 20_000


class EventIds:
    """A set of event ids."""

    def __init__(self) -> None:
        self._pages: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(1 << PAGE_BITS - 3))

    def add(self, ids: Iterable[int]) -> list[int]:
        """Returns those that were in it already."""
        again = []
        for event_id in ids:
            page, byte, bit = _place(event_id)
            bits = self._pages[page]
            if bits[byte] & bit:
                again.append(event_id)
            bits[byte] |= bit
        return again

    def __contains__(self, event_id: int) -> bool:
        page, byte, bit = _place(event_id)
        return page in self._pages and bool(self._pages[page][byte] & bit)


def unlisted_events(listed: EventIds) -> Iterator[tuple[int, int]]:
    """(id, transaction) of every event that is not listed, by transaction and id; needs a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.cursor.itersize = ROWS_AT_ONCE
        cursor.execute(EVENTS)
        for event_id, transaction in cursor:
            if event_id not in listed:
                yield event_id, transaction


def _place(event_id: int) -> tuple[int, int, int]:
    return event_id >> PAGE_BITS, (event_id & (1 << PAGE_BITS) - 1) >> 3, 1 << (event_id & 7)
