"""Quarter hours, by which figures are counted in advance. Days begin at one in every time zone."""

from datetime import UTC, datetime, timedelta

from django.db.models import DateTimeField, Func

SLOT = timedelta(minutes=15)


class Slot(Func):
    """The quarter hour in which a moment lies."""

    template = "date_bin('15 minutes', %(expressions)s, 'epoch'::timestamptz)"
    output_field = DateTimeField()


def slot_of(moment: datetime) -> datetime:
    """The beginning of its quarter hour."""
    return datetime.fromtimestamp(moment.timestamp() // SLOT.total_seconds() * SLOT.total_seconds(), UTC)
