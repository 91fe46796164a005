"""Which records have an event of their own, and how the two are compared: SQL of each kind.

Each SELECT of records gives id, at (when, by its row), action, target, actor (as the event names them, "" for none) and
`said`: what the event's detail may repeat, under the same names. A detail is compared by the names that both have, so
that older events are compared by what they hold.
"""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings
from django.utils.module_loading import import_string


class RecordKind(NamedTuple):
    """`actions`: those of its events. `target`: SQL of the event's target, where it is not `target_id` alone.
    `since`: what the detail of older events lacks; how many do is told."""

    name: str
    actions: tuple[str, ...]
    records: str
    target: str = "target_id"
    since: str = ""


class Compared(NamedTuple):
    """Records with a comparison of their own: one event for each, or the latest counts. `found`: SQL that gives
    (record, event, names of fields, at) of those that contradict each other, with null for the one that is missing, and
    0 where no event is concerned; `at`: the record's time where its missing event would be of a kind that is pruned.
    `sort`: what such a contradiction is called. `has_own_event`: one for each record, of no other kind of record."""

    name: str
    found: str
    sort: str = "contradicts its event"
    has_own_event: bool = False


class Told(NamedTuple):
    """Records that are no sign of tampering, but that a reader should know. `found`: SQL of their ids. `why`: which
    they are."""

    name: str
    found: str
    why: str


def closed(prefix: str, approved: str = "") -> tuple[str, ...]:
    """The actions that close a proposal; `approved`: where that one has another name."""
    return approved or f"{prefix}approved", f"{prefix}rejected", f"{prefix}withdrawn"


def record_kinds() -> list[RecordKind | Compared | Told]:
    """Those of all apps, each from the app that has the tables (AUDITED_RECORDS)."""
    return [kind for path in settings.AUDITED_RECORDS for kind in import_string(path)]
