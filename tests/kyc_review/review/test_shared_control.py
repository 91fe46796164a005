"""Pairs of accounts that one admin could have used are named when they judged the same pictures."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import Client

from kyc_review.accounts.models import User
from kyc_review.accounts.people.services import person_rename
from kyc_review.audit import services as audit
from kyc_review.audit.models import Event
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.shared_control import shared_control

pytestmark = pytest.mark.django_db
Enqueue = Callable[..., ReviewItem]


@pytest.fixture
def adam(staff: Callable[..., User]) -> User:
    return staff("adam", "admin")


@pytest.fixture
def audrey(staff: Callable[..., User]) -> User:
    return staff("audrey", "auditor")


def judged(enqueue: Enqueue, *answers: tuple[User, str], reason: str = "split_vote") -> None:
    """One picture that each of these people judged, in an item of their own."""
    first = enqueue()
    for number, (person, label) in enumerate(answers):
        item = first if not number else ReviewItem(submission=first.submission, reason=reason, risk=0.5)
        item.state, item.decided_at, item.reason = "decided", Now(), reason
        item.save()
        Decision.objects.create(
            item=item, submission=first.submission, reviewer=person, label=label, handling_ms=1
        )


def test_a_pair_with_one_admin_is_named_with_its_answers(
    enqueue: Enqueue, adam: User, audrey: User, alice: User, bob: User, staff: Callable[..., User]
) -> None:
    audit.record(action="staff.created", actor=adam, target=alice)
    audit.record(action="staff.password_reissued", actor=adam, target=bob)
    forged = {"actor_kind": "user", "actor_name": "adam", "target_kind": "user", "target_id": "x"}
    Event.objects.create(action="staff.created", **forged)
    sue = staff("sue", "senior")
    judged(enqueue, (alice, "real"), (bob, "real"))
    judged(enqueue, (alice, "real"), (bob, "fake"))
    judged(enqueue, (alice, "real"), (sue, "real"))  # nothing was done to her account
    judged(enqueue, (alice, "real"), (bob, "real"), reason="gold")
    (pair,) = shared_control(viewer=audrey)
    assert (pair.admin, pair.people, pair.items, pair.agreed) == ("adam", (alice, bob), 2, 1)
    assert shared_control(viewer=alice) == [], "reviewers see nothing of others"


def test_an_admin_who_was_renamed_meanwhile_is_one(
    enqueue: Enqueue, adam: User, audrey: User, alice: User, bob: User
) -> None:
    audit.record(action="staff.created", actor=adam, target=alice)
    person_rename(person=adam, username="walter")
    audit.record(action="staff.created", actor=adam, target=bob)
    judged(enqueue, (alice, "real"), (bob, "real"))
    assert [pair.admin for pair in shared_control(viewer=audrey)] == ["walter"]


def test_what_was_judged_before_the_admin_could_sign_in_does_not_count(
    enqueue: Enqueue, adam: User, audrey: User, alice: User, bob: User, settings: LazySettings
) -> None:
    audit.record(action="staff.created", actor=adam, target=alice)
    judged(enqueue, (alice, "real"), (bob, "real"))
    audit.record(action="staff.created", actor=adam, target=bob)
    assert shared_control(viewer=audrey) == []
    judged(enqueue, (alice, "real"), (bob, "real"))
    assert [pair.items for pair in shared_control(viewer=audrey)] == [1]
    settings.APPROVER_INDEPENDENCE_DAYS = 0
    assert shared_control(viewer=audrey) == []


def test_the_quality_page_names_it_to_those_who_see_all_reviewers(
    enqueue: Enqueue, adam: User, audrey: User, alice: User, bob: User, login: Callable[[User], Client]
) -> None:
    for person in (alice, bob):
        audit.record(action="staff.created", actor=adam, target=person)
    judged(enqueue, (alice, "real"), (bob, "real"))
    shown = 'data-testid="shared-control"'
    assert shown in login(audrey).get("/review/quality/").text
    assert shown not in login(alice).get("/review/quality/").text
