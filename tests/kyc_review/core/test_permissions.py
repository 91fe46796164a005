from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser

from kyc_review.accounts.models import User
from kyc_review.core import permissions
from kyc_review.core.permissions import ROLES_WITH, Right, Role, may


class Holder:
    def __init__(self, *held: str) -> None:
        self.held = set(held)

    def has_role(self, *roles: str) -> bool:
        return not self.held.isdisjoint(roles)


def test_every_right_has_its_row_and_every_row_a_role() -> None:
    assert set(ROLES_WITH) == set(Right)
    assert all(ROLES_WITH.values())


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
def test_a_right_follows_from_the_table_alone(role: Role, right: Right) -> None:
    assert may(Holder(role), right) == (role in ROLES_WITH[right])
    assert not may(Holder(), right)


def test_rights_add_up_over_the_roles_of_a_person() -> None:
    person = Holder(Role.REVIEWER, Role.ADMIN)
    assert may(person, Right.DECIDE)
    assert may(person, Right.PROMOTE)
    assert not may(person, Right.OVERSEE)


def test_an_auditor_holds_no_right_that_changes_anything() -> None:
    changing = {Right.DECIDE, Right.OVERSEE, Right.ERASE, Right.FREEZE, Right.TRAIN, Right.PROMOTE}
    changing |= {Right.MANAGE_WEBHOOKS, Right.MANAGE_INTEGRATIONS, Right.MANAGE_PEOPLE}
    assert [right for right in changing if Role.AUDITOR in ROLES_WITH[right]] == []


@pytest.mark.parametrize("right", Right)
def test_each_right_has_a_function_of_its_name(right: Right) -> None:
    check: Callable[[Holder], bool] = getattr(permissions, f"may_{right.name.lower()}")
    assert {role for role in Role if check(Holder(role))} == ROLES_WITH[right]


@pytest.mark.django_db
def test_an_inactive_person_has_no_right(staff: Callable[..., User]) -> None:
    person: User = staff("sam", "senior")
    assert may(User.objects.get(pk=person.pk), Right.DECIDE)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert not may(User.objects.get(pk=person.pk), Right.DECIDE)
    assert not hasattr(AnonymousUser(), "has_role")
