"""New names that look like existing ones are refused; others are not."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.people.services import person_rename
from kyc_review.accounts.user_names import user_name_check

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("existing", "wanted"),
    [
        ("ada", "ADA"),
        ("ada", "\u0430da"),  # Cyrillic
        ("ada", "ad\u0430\u200b"),
        ("ada", "\uff41da"),  # full width
        ("lisa", "Iisa"),
        ("lisa", "1isa"),
        ("oscar", "0scar"),
        ("maria", "rnaria"),
        ("walter", "vvalter"),
        ("ada", "ada\n"),
        ("ada", "ada."),
        ("ada", "a-da"),
        ("alice", "alice@"),
        ("mallory", "@mallory"),
        ("alice", "al1ce"),
        ("alice", "aIice"),
        ("alice", "allce"),
        ("ada", "acla"),
        ("lucia", "luc1a"),
        ("ben", "8en"),
        ("rnada", "macla"),
        ("adam", "acIam"),
        ("dana", "cIana"),
    ],
)
def test_a_name_that_looks_like_another_is_refused(
    staff: Callable[..., User], existing: str, wanted: str
) -> None:
    staff(existing, "reviewer")
    with pytest.raises(ValidationError):
        user_name_check(wanted)


@pytest.mark.parametrize("wanted", ["adam", "ada.l@bank.example", "lisa", "ada-2", "lucia", "ida"])
def test_another_name_is_accepted(staff: Callable[..., User], wanted: str) -> None:
    staff("ada", "reviewer")
    staff("luda", "reviewer")
    user_name_check(wanted)


def test_the_former_name_of_another_stays_theirs(staff: Callable[..., User]) -> None:
    alice, bob = staff("alice", "reviewer"), staff("bob", "reviewer")
    person_rename(person=alice, username="carol")
    for wanted in ("alice", "al1ce"):
        with pytest.raises(ValidationError):
            user_name_check(wanted)
        with pytest.raises(ValidationError):
            person_rename(person=bob, username=wanted)
    assert person_rename(person=alice, username="alice")


def test_the_page_of_people_says_which_name_it_looks_like(
    staff: Callable[..., User], login: Callable[[User], Client]
) -> None:
    answer = login(staff("ada", "admin")).post("/people/", {"username": "AdA", "role": "reviewer"})
    assert answer.status_code == 422
    assert "looks like ada" in answer.content.decode()
    assert User.objects.count() == 1
