"""Two accounts count as two people only if no one person could have signed in to both."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from kyc_review.accounts.four_eyes import ACTS_OF_CONTROL, why_not_approver
from kyc_review.accounts.models import User
from kyc_review.accounts.people.services import (
    password_reissue,
    person_activate,
    person_create,
    person_deactivate,
    role_change,
)
from kyc_review.accounts.second_factor.services import second_factor_enrol, second_factor_reset
from kyc_review.audit.models import Event
from tests.factories.second_factor import SECRET, code_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(staff: Callable[..., User]) -> User:
    return staff("ada", "admin")


@pytest.fixture
def maya(staff: Callable[..., User]) -> User:
    return staff("maya", "admin")


def enrol(person: User, clock: list[float]) -> None:
    second_factor_enrol(user=person, secret=SECRET, code=code_at(clock[0]))


def factor_reset(person: User, actor: User, clock: list[float]) -> None:
    enrol(person, clock)
    assert second_factor_reset(user=person, actor=actor)


def activated(person: User, actor: User, clock: list[float]) -> None:
    person_deactivate(person=person, actor=actor)
    person_activate(person=person, actor=actor)


def role_given(person: User, actor: User, clock: list[float]) -> None:
    role_change(person=person, role="senior", actor=actor)
    role_change(person=person, role="admin", actor=actor)


CONTROL: dict[str, Callable[[User, User, list[float]], object]] = {
    "staff.password_reissued": lambda person, actor, clock: password_reissue(person=person, actor=actor),
    "staff.role_changed": role_given,
    "staff.second_factor_reset": factor_reset,
    "staff.activated": activated,
}


def test_admins_whom_the_operator_made_are_two_people(ada: User, maya: User) -> None:
    assert why_not_approver(proposer=ada, approver=maya) == ""
    assert "Another admin" in why_not_approver(proposer=ada, approver=ada)


def test_every_act_of_control_is_tried_here() -> None:
    assert {*CONTROL, "staff.created"} == set(ACTS_OF_CONTROL)


@pytest.mark.parametrize("action", CONTROL)
def test_an_account_that_the_other_one_could_have_used_does_not_count(
    ada: User, maya: User, clock: list[float], action: str
) -> None:
    CONTROL[action](maya, ada, clock)
    assert Event.objects.filter(action=action, actor_name="ada").exists()
    for proposer, approver in ((ada, maya), (maya, ada)):
        refusal = why_not_approver(proposer=proposer, approver=approver)
        assert "ada " in refusal
        assert "Another admin must approve" in refusal


def test_what_one_made_cannot_approve_until_the_time_is_over(ada: User, settings: LazySettings) -> None:
    puppet, _ = person_create(username="zoe", role="admin", actor=ada)
    refusal = why_not_approver(proposer=ada, approver=puppet)
    free_on = timezone.localdate() + timedelta(days=31)
    assert "ada created the account of zoe on" in refusal
    assert f"or zoe on {free_on:%Y-%m-%d} or later" in refusal
    settings.APPROVER_INDEPENDENCE_DAYS = 0
    assert why_not_approver(proposer=ada, approver=puppet) == ""


@pytest.mark.parametrize(("days", "counts_as_two"), [(29, False), (31, True)])
def test_the_days_run_out(
    ada: User, maya: User, monkeypatch: pytest.MonkeyPatch, days: int, counts_as_two: bool
) -> None:
    password_reissue(person=maya, actor=ada)
    later = timezone.now() + timedelta(days=days)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert (why_not_approver(proposer=ada, approver=maya) == "") is counts_as_two


def test_two_puppets_of_one_person_are_one_person(ada: User) -> None:
    first, _ = person_create(username="one", role="admin", actor=ada)
    second, _ = person_create(username="two", role="admin", actor=first)
    third, _ = person_create(username="three", role="admin", actor=ada)
    for proposer, approver in ((first, third), (second, third), (third, second)):
        assert "count as one person" in why_not_approver(proposer=proposer, approver=approver)


def test_own_acts_do_not_count(ada: User, maya: User, clock: list[float]) -> None:
    enrol(maya, clock)
    assert why_not_approver(proposer=ada, approver=maya) == ""


def test_an_approver_needs_a_second_factor(
    ada: User, maya: User, clock: list[float], settings: LazySettings
) -> None:
    settings.APPROVER_SECOND_FACTOR = True
    assert "set it up on your account page" in why_not_approver(proposer=ada, approver=maya)
    enrol(maya, clock)
    assert why_not_approver(proposer=ada, approver=maya) == ""
