"""Times are shown in the reader's zone, with its name; days and weeks are right when the clocks are changed."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.core import days
from kyc_review.core.template_times import at
from kyc_review.insights import dashboard_queries
from kyc_review.review.models import Decision, ReviewItem

BERLIN = ZoneInfo("Europe/Berlin")
WINTER = dt.datetime(2026, 1, 15, 23, 30, tzinfo=dt.UTC)
SUMMER = dt.datetime(2026, 7, 15, 23, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "words"),
    [
        ("Europe/Berlin", WINTER, "2026-01-16 00:30 CET"),
        ("Europe/Berlin", SUMMER, "2026-07-16 01:30 CEST"),
        ("America/New_York", WINTER, "2026-01-15 18:30 EST"),
        ("Asia/Kolkata", WINTER, "2026-01-16 05:00 IST"),
        ("America/Sao_Paulo", WINTER, "2026-01-15 20:30 UTC-03"),
        ("UTC", WINTER, "2026-01-15 23:30 UTC"),
    ],
)
def test_a_time_names_its_zone(zone: str, moment: dt.datetime, words: str) -> None:
    with timezone.override(ZoneInfo(zone)):
        assert days.moment_in_words(moment) == words
        assert f">{words}</time>" in at(moment)
        assert f'title="{zone}"' in at(moment)


def test_the_two_equal_hours_in_autumn_are_told_apart() -> None:
    first, second = (dt.datetime(2026, 10, 25, hour, 30, tzinfo=dt.UTC) for hour in (0, 1))
    with timezone.override(BERLIN):
        said = [days.moment_in_words(moment) for moment in (first, second)]
    assert said == ["2026-10-25 02:30 CEST", "2026-10-25 02:30 CET"]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(dt.date(2026, 3, 29), 23), (dt.date(2026, 10, 25), 25), (dt.date(2026, 6, 1), 24)],
)
def test_a_day_lasts_as_long_as_the_clocks_say(day: dt.date, hours: int) -> None:
    with timezone.override(BERLIN):
        begin, end = days.begin_of(day), days.end_of(day)
    lasted = end.astimezone(dt.UTC) - begin.astimezone(dt.UTC) + dt.timedelta(microseconds=1)
    assert lasted == dt.timedelta(hours=hours)


def test_a_midnight_that_does_not_exist_begins_the_day_an_hour_later() -> None:
    """In Santiago the clocks go from 24:00 to 1:00."""
    with timezone.override(ZoneInfo("America/Santiago")):
        begin = days.begin_of(dt.date(2026, 9, 6)).astimezone(dt.UTC)
    assert begin == dt.datetime(2026, 9, 6, 4, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("monday", "hours"), [((2026, 3, 23), 167), ((2026, 10, 19), 169), ((2026, 6, 1), 168)]
)
def test_a_week_has_the_hours_that_its_link_asks_for(monday: tuple[int, int, int], hours: int) -> None:
    with timezone.override(BERLIN):
        assert days.hours_of_week(dt.datetime(*monday, tzinfo=BERLIN)) == hours


@pytest.mark.django_db
def test_decisions_of_the_doubled_hour_are_counted_apart(
    enqueue: Callable[..., ReviewItem], alice: User, staff: Callable[..., User]
) -> None:
    for hour in (0, 1):
        item = enqueue()
        Decision.objects.create(
            item=item,
            submission=item.submission,
            reviewer=alice,
            label="real",
            handling_ms=1,
            decided_at=dt.datetime(2026, 10, 25, hour, 30, tzinfo=dt.UTC),
        )
    since = dt.datetime(2026, 10, 24, tzinfo=dt.UTC)
    with timezone.override(BERLIN):
        rows = dashboard_queries.decisions_by_hour(viewer=staff("ada", "admin"), since=since)
    assert [row["number"] for row in rows] == [1, 1]


@pytest.fixture
def looked(staff: Callable[..., User], login: Callable[[User], Client]) -> tuple[User, Client]:
    """An admin, and a browser; one event happened at WINTER."""
    ada = staff("ada", "admin")
    audit.record(action="staff.looked", actor=ada, target=ada)
    Event.objects.all()
    return ada, login(ada)


@pytest.mark.django_db
def test_the_chosen_zone_counts_before_the_browsers_and_that_before_the_installations(
    looked: tuple[User, Client],
) -> None:
    _, client = looked
    page = client.get("/insights/audit/").text
    assert re.search(r"\d\d:\d\d:\d\d UTC</time>", page)
    client.cookies[settings.TIME_ZONE_COOKIE_NAME] = "Asia%2FTokyo"
    assert re.search(r"\d\d:\d\d:\d\d JST</time>", client.get("/insights/audit/").text)
    answer = client.post("/account/time-zone/", {"time_zone": "Asia/Kolkata"}, follow=True)
    assert "Your time zone is saved." in answer.text
    assert "Asia/Kolkata" in answer.text
    assert re.search(r"\d\d:\d\d:\d\d IST</time>", client.get("/insights/audit/").text)
    client.post("/account/time-zone/", {"time_zone": ""})
    assert re.search(r"\d\d:\d\d:\d\d JST</time>", client.get("/insights/audit/").text)


@pytest.mark.django_db
@pytest.mark.parametrize("told", ["Mars/Olympus", "../../etc/passwd", "%00", "x" * 5000, ""])
def test_an_unknown_zone_in_the_cookie_counts_as_none(looked: tuple[User, Client], told: str) -> None:
    _, client = looked
    client.cookies[settings.TIME_ZONE_COOKIE_NAME] = told
    assert re.search(r"\d\d:\d\d:\d\d UTC</time>", client.get("/insights/audit/").text)


@pytest.mark.django_db
def test_an_unknown_zone_is_not_stored(looked: tuple[User, Client]) -> None:
    ada, client = looked
    said = client.post("/account/time-zone/", {"time_zone": "Mars/Olympus"}, follow=True).text
    assert "Choose a time zone of the list." in said
    ada.refresh_from_db()
    assert ada.time_zone == ""


def test_no_template_writes_a_time_without_its_zone() -> None:
    """Times go through `at`; `date` is for days, and for the moments of links in UTC."""
    hours = re.compile(r"""\|date:(["'])(?P<form>[^"']*[HGhgPf][^"']*)\1""")
    found = []
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        for match in hours.finditer(path.read_text()):
            if not match["form"].endswith("Z") and match["form"] != "SHORT_DATE_FORMAT":
                found.append(f"{path.name}: {match['form']}")
    assert found == []
