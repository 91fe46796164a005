"""The audit log's page reads from the place where it begins; it must still show every event once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.audit.selectors import actions_beginning
from kyc_review.insights.audit_views import events_found

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def events(db: None) -> list[Event]:
    """Written in another order than that of their times, of which some are equal."""
    Event.objects.bulk_create(
        Event(
            at=BEGIN + timedelta(hours=number * 7 % 20 // 2),
            action=("made.up", "made_up", "made.%", "other")[number % 4],
            actor_name="carol" if number % 2 else "",
        )
        for number in range(40)
    )
    return sorted(Event.objects.filter(at__lt=BEGIN + timedelta(days=1)), key=lambda row: (row.at, row.pk))[
        ::-1
    ]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, lambda row: True),
        ({"action": "made."}, lambda row: row.action in ("made.up", "made.%")),
        ({"action": "made_up"}, lambda row: row.action == "made_up"),
        ({"actor": "carol"}, lambda row: row.actor_name == "carol"),
        ({"action": "none"}, lambda row: False),
    ],
)
def test_each_event_is_on_one_page(
    events: list[Event], staff: Callable[..., User], wanted: dict[str, Any], fits: Callable[[Event], bool]
) -> None:
    found, wanted = [], wanted | {"until": BEGIN.date()}
    viewer = staff("audrey", "auditor")
    while page := list(events_found(viewer=viewer, wanted=wanted)[:7]):
        found += page
        wanted["before"] = page[-1].pk
    assert found == [row for row in events if fits(row)]


def test_a_page_after_an_unknown_event_is_empty(events: list[Event], staff: Callable[..., User]) -> None:
    assert not events_found(viewer=staff("audrey", "auditor"), wanted={"before": events[0].pk + 1000})


def test_actions_are_found_by_their_beginning(events: list[Event]) -> None:
    assert sorted(actions_beginning("made")) == sorted(["made.up", "made_up", "made.%"])
    assert actions_beginning("made.%") == ["made.%"]
    assert actions_beginning("made_") == ["made_up"]
