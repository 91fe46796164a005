"""Calendar days in the installation's time zone."""

from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

LAST = datetime.max.replace(tzinfo=UTC)


def begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def end_of(day: date) -> datetime:
    """Its last microsecond, which the last day that there is has, too."""
    return timezone.make_aware(datetime.combine(day, time.max))


def hours_after(moment: datetime, hours: int) -> datetime:
    """At most the largest representable time, so a longer period finds everything later."""
    try:
        return moment + timedelta(hours=hours)
    except OverflowError:
        return LAST
