"""Calendar days and times in the active zone: in a page the reader's, else the installation's."""

from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone
from django.utils.formats import date_format

LAST = datetime.max.replace(tzinfo=UTC)
WEEK = timedelta(days=7)


def begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def end_of(day: date) -> datetime:
    """Its last microsecond, which the last day that there is has, too."""
    return timezone.make_aware(datetime.combine(day, time.max))


def hours_of_week(begin: datetime) -> int:
    """Hours of the week that begins at this midnight: 168, one more or less when the clocks are changed."""
    following = begin_of(timezone.localtime(begin).date() + WEEK)
    # In UTC: the difference of two times of one zone is what the clocks on the wall say.
    return round((following.astimezone(UTC) - begin.astimezone(UTC)) / timedelta(hours=1))


def hours_after(moment: datetime, hours: int) -> datetime:
    """At most the largest representable time, so a longer period finds everything later."""
    try:
        return moment + timedelta(hours=hours)
    except OverflowError:
        return LAST


def zone_name(moment: datetime) -> str:
    """The abbreviation of a local time's zone, which differs in summer: "CET"; "UTC+03" where there is none."""
    name = moment.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{name}"


def moment_in_words(moment: datetime, *, has_seconds: bool = False) -> str:
    """ "2026-11-27 01:39 CET", with the day as the reader's language writes it."""
    local = timezone.localtime(moment)
    day = date_format(local, "SHORT_DATE_FORMAT")
    return f"{day} {local:{'%H:%M:%S' if has_seconds else '%H:%M'}} {zone_name(local)}"
