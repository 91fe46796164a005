"""The audit log, and the seals over it."""

import json
import struct
from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models import Q


class CurrentTransaction(models.Func):
    """The 64-bit id of the writing transaction. Postgres alone knows which of them are settled."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class ClockTime(models.Func):
    """The database's clock at this moment, not at the start of the transaction."""

    template = "clock_timestamp()"
    output_field = models.DateTimeField()


class DetailDecoder(json.JSONDecoder):
    """Reads a detail, or a part of one: what Python cannot read (a number of 5000 digits) becomes
    `{"unreadable": its text}`, cut to UNREADABLE_CHARS. A constraint keeps such details out; an owner can pass it."""

    UNREADABLE_CHARS = 1000

    def decode(self, s: str, *args: Any) -> Any:
        try:
            return super().decode(s, *args)
        except (ValueError, RecursionError):
            return {"unreadable": s[: self.UNREADABLE_CHARS]}


class Event(models.Model):
    """One event; database triggers refuse UPDATE, DELETE and TRUNCATE, and batches of events are sealed.

    Actor and target are stored as text, not as foreign keys, because the log outlives them. The database sets the time
    and the transaction: the application's role may not.
    """

    at = models.DateTimeField(db_default=ClockTime())
    action = models.CharField(max_length=60)  # "<entity>.<past tense>", for example "submission.received"
    actor_kind = models.CharField(max_length=20)  # user, integration or system
    actor_id = models.CharField(max_length=40, blank=True)
    actor_name = models.CharField(max_length=150, blank=True)
    target_kind = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict, decoder=DetailDecoder)
    transaction = models.BigIntegerField(db_default=CurrentTransaction())

    class Meta:
        indexes = [
            models.Index(fields=["target_kind", "target_id"], name="event_by_target"),
            models.Index(fields=["action", "at"], name="event_by_action"),
            models.Index(fields=["transaction", "id"], name="event_by_transaction"),
            models.Index(fields=["at", "id"], name="event_by_time"),
            models.Index(
                fields=["actor_name", "at", "id"], condition=~Q(actor_name=""), name="event_by_actor"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.target_kind} {self.target_id}"

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any
    ) -> Self:
        """A detail that is no object, which an owner can write past the constraint, is read as an unreadable one."""
        event = super().from_db(db, field_names, values, **more)
        detail = event.__dict__.get("detail", {})
        if not isinstance(detail, dict):
            event.detail = {"unreadable": json.dumps(detail)[: DetailDecoder.UNREADABLE_CHARS]}
        return event


class SealedBatch(models.Model):
    """Events that were sealed together: their leaf hashes, the root over them, and a signature over the header.

    The header (`headers.header_text`) holds the root and the hash of the previous header, so batches are a chain. All
    that was settled by transaction (`through_transaction`, `through_event`) in this order is sealed, and nothing after.
    """

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3, ... without gaps
    sealed_at = models.DateTimeField(help_text="The database's clock, read before the events were.")
    cluster = models.CharField(max_length=20, help_text="Postgres' system identifier.")
    is_resumption = models.BooleanField(
        default=False, help_text="The first batch after the database was moved into another cluster."
    )
    events_after = models.BigIntegerField(
        default=0, help_text="Events up to this id lie before the latest move; transaction ids began again."
    )
    through_transaction = models.BigIntegerField()
    through_event = models.BigIntegerField()
    next_transaction = models.BigIntegerField(help_text="No transaction had this id or a higher one yet.")
    size = models.PositiveIntegerField()
    event_ids = models.BinaryField(help_text="8 bytes each, big-endian, in the order of the leaves.")
    leaves = models.BinaryField(help_text="The leaf hashes, 32 bytes each.")
    root = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32, help_text="SHA-256 of the previous header; zeros for none.")
    key_id = models.CharField(max_length=16)
    signature = models.BinaryField(max_length=64, help_text="Ed25519, over the header.")

    class Meta:
        indexes = [models.Index(fields=["through_transaction", "through_event"], name="batch_by_cursor")]

    def __str__(self) -> str:
        return f"batch {self.number} of {self.size} events"

    def ids(self) -> list[int]:
        """The ids of the events, in the order of the leaves."""
        return list(struct.unpack(f">{len(self.event_ids) // 8}q", self.event_ids))
