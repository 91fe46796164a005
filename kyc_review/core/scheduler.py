"""The clock of the periodic tasks."""

from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry
from redis.exceptions import RedisError

from kyc_review.core.queues import has_place


class BoundedScheduler(PersistentScheduler):
    """Celery's scheduler, which skips what would only wait behind others of its kind."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        try:
            if entry.task and not has_place(entry.task):
                return
        except RedisError:
            pass  # sending fails, too, and says so in the log
        super().apply_entry(entry, producer=producer)
