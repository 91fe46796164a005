"""Switching planting on by two admins and off by one."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.planting.changes import (
    PlantingRefused,
    planting_approve,
    planting_now,
    planting_propose,
    planting_reject,
    planting_switch_off,
)
from kyc_review.planting.models import PlantingProposal, PlantingSettings
from tests.factories.planted import VALUES, WHY, planting_on

# What the product does here, it may do with the rights of its own role of the database.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_application")]
URL = "/planted/settings/"


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def maya(staff: Callable[..., User]) -> User:
    return staff("maya", "admin")


def test_it_is_off_until_a_second_admin_approves(ada: User, maya: User) -> None:
    assert planting_now() is None
    proposal = planting_propose(values=VALUES, reason=WHY, actor=ada)
    with pytest.raises(PlantingRefused, match="Another admin"):
        planting_approve(proposal=proposal, actor=ada)
    assert planting_now() is None
    planting_approve(proposal=proposal, actor=maya)
    current = planting_now()
    assert current is not None
    assert current.is_on
    assert (current.changed_by, current.approved_by) == (ada, maya)
    actions = list(Event.objects.filter(action__startswith="planting.").values_list("action", flat=True))
    assert sorted(actions) == ["planting.changed", "planting.proposed"]


def test_one_admin_switches_it_off(ada: User, maya: User) -> None:
    with pytest.raises(PlantingRefused, match="nothing to switch off"):
        planting_switch_off(reason=WHY, actor=ada)
    planting_on(by=ada, approved_by=maya)
    planting_switch_off(reason=WHY, actor=ada)
    current = planting_now()
    assert current is not None
    assert not current.is_on
    assert Event.objects.filter(action="planting.switched_off").get().detail["reason"] == WHY


@pytest.mark.parametrize(
    "change", [{"rate": 0.9}, {"rate": 0.0}, {"per_day_max": 0}, {"sources": "the internet"}]
)
def test_values_out_of_bounds_are_refused(ada: User, change: dict) -> None:
    with pytest.raises(PlantingRefused):
        planting_propose(values=VALUES | change, reason=WHY, actor=ada)
    assert not PlantingProposal.objects.exists()


def test_only_one_proposal_waits_and_it_can_be_withdrawn(ada: User, maya: User, alice: User) -> None:
    proposal = planting_propose(values=VALUES, reason=WHY, actor=ada)
    with pytest.raises(PlantingRefused, match="waits"):
        planting_propose(values=VALUES, reason=WHY, actor=maya)
    with pytest.raises(PermissionDenied):
        planting_reject(proposal=proposal, actor=alice)
    assert planting_reject(proposal=proposal, actor=ada).state == "withdrawn"
    with pytest.raises(PlantingRefused, match="closed"):
        planting_approve(proposal=proposal, actor=maya)
    with pytest.raises(PlantingRefused, match="characters"):
        planting_propose(values=VALUES, reason="why", actor=ada)


def test_the_database_asks_for_two_people_too(ada: User) -> None:
    for approved_by in (ada, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            PlantingSettings.objects.create(**VALUES, reason=WHY, changed_by=ada, approved_by=approved_by)


def test_two_admins_switch_it_on_in_their_browsers(
    ada: User, maya: User, login: Callable[[User], Client]
) -> None:
    first, second = login(ada), login(maya)
    page = first.get(URL)
    assert 'data-testid="privacy"' in page.text
    assert "14 days" in page.text
    refused = first.post(URL, VALUES | {"rate": 3, "reason": WHY})
    assert refused.status_code == 422
    assert not PlantingProposal.objects.exists()
    assert first.post(URL, VALUES | {"reason": WHY}).status_code == 302
    number = PlantingProposal.objects.get().pk
    first.post(f"{URL}{number}/approval/")
    assert planting_now() is None
    second.post(f"{URL}{number}/approval/")
    assert planting_now() is not None
    second.post(f"{URL}off/", {"reason": WHY})
    current = planting_now()
    assert current is not None
    assert not current.is_on
    assert first.get(URL).text.count(WHY) == 2


def test_a_rejection_needs_a_reason_and_stays_in_the_history(
    ada: User, maya: User, login: Callable[[User], Client]
) -> None:
    planting_on(by=ada, approved_by=maya)
    proposal = planting_propose(values=VALUES | {"queue_max": 77}, reason=WHY, actor=ada)
    window = login(maya)
    page = window.get(URL).text
    assert "200 →" in page
    window.post(f"{URL}{proposal.pk}/rejection/")
    proposal.refresh_from_db()
    assert proposal.state == "open"
    window.post(f"{URL}{proposal.pk}/rejection/", {"remark": "Too long a queue."})
    page = window.get(URL).text
    assert "Too long a queue." in page
    assert ">77<" in page
    assert Event.objects.get(action="planting.rejected").detail == {"remark": "Too long a queue."}
