"""Pairs of accounts that judged the same pictures while one admin could have signed in to both.

An admin who makes two accounts, or gives both new passwords, can log in to both before their owners do, and then answer
a second review as the second person. Nothing refuses that; this names it. It proves nothing: a bank with one admin sees
every pair of new colleagues here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from kyc_review.accounts.four_eyes import ACTS_OF_CONTROL
from kyc_review.accounts.models import User
from kyc_review.audit.models import Event
from kyc_review.core.permissions import may_see_all_reviewers

from .models import Decision, ReviewItem

if TYPE_CHECKING:
    from uuid import UUID

SINCE = timedelta(days=90)
Acts = Mapping[int, list[datetime]]  # account: when the admin could have signed in to it from


@dataclass(frozen=True, slots=True)
class SharedControl:
    """`items`: pictures that both judged within APPROVER_INDEPENDENCE_DAYS after the admin's acts on both accounts;
    `agreed`: of these, how many got the same label."""

    admin: str
    people: tuple[User, User]
    items: int
    agreed: int


def shared_control(*, viewer: User) -> list[SharedControl]:
    """Of the last 90 days, the most pictures first; empty for people who may not see all reviewers."""
    days = timedelta(days=settings.APPROVER_INDEPENDENCE_DAYS)
    if not days or not may_see_all_reviewers(viewer):
        return []
    since = timezone.now() - SINCE
    controlled = _controlled(since - days)
    admins = dict(User.objects.filter(pk__in=controlled).values_list("pk", "username"))
    accounts = {pk for acts in controlled.values() for pk in acts}
    counts: dict[tuple[int, int, int], list[bool]] = defaultdict(list)
    for answers in _judged_by_two(accounts, since) if accounts else ():
        for (one, label, at), (other, other_label, later) in combinations(answers, 2):
            for admin, acts in controlled.items():
                if _could(acts, one, at, days) and _could(acts, other, later, days):
                    counts[admin, min(one, other), max(one, other)].append(label == other_label)
    people = User.objects.in_bulk({pk for _, *pair in counts for pk in pair})
    found = [
        SharedControl(admins[admin], (people[one], people[other]), len(same), sum(same))
        for (admin, one, other), same in counts.items()
    ]
    return sorted(found, key=lambda pair: (-pair.items, pair.admin))


def _could(acts: Acts, person: int, at: datetime, days: timedelta) -> bool:
    """Whether the admin could have been this person at that moment."""
    return any(act <= at < act + days for act in acts.get(person, ()))


def _controlled(since: datetime) -> dict[int, dict[int, list[datetime]]]:
    """The admins who could have signed in to two other accounts or more, by id, with their acts on each.

    Not by name: a renaming would make two of one.
    """
    rows = Event.objects.filter(
        action__in=ACTS_OF_CONTROL, at__gte=since, target_kind="user", actor_kind="user"
    ).exclude(actor_id=F("target_id"))
    # An event can name anything; those of accounts name keys.
    keys = {str(pk): pk for pk in User.objects.values_list("pk", flat=True)}
    acts: dict[int, dict[int, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for admin, account, at in rows.values_list("actor_id", "target_id", "at"):
        if admin in keys and account in keys:
            acts[keys[admin]][keys[account]].append(at)
    return {admin: accounts for admin, accounts in acts.items() if len(accounts) > 1}


Answer = tuple[int, str, datetime]  # person, label, when


def _judged_by_two(people: Iterable[int], since: datetime) -> list[list[Answer]]:
    """The answers of these people, the last of each, to every picture that at least two of them judged.

    Without calibration: there everybody gets the same picture, and no answer has an effect.
    """
    final = Decision.objects.final().filter(reviewer__in=people, decided_at__gte=since)
    final = final.exclude(item__reason=ReviewItem.Reason.GOLD)
    others = final.filter(submission=OuterRef("submission")).exclude(reviewer=OuterRef("reviewer"))
    judged: dict[UUID, dict[int, Answer]] = defaultdict(dict)
    rows = final.filter(Exists(others)).order_by("pk")
    for submission, person, label, at in rows.values_list(
        "submission_id", "reviewer_id", "label", "decided_at"
    ):
        judged[submission][person] = (person, label, at)
    return [list(answers.values()) for answers in judged.values()]
