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
Acts = Mapping[str, list[datetime]]  # account: when the admin could have signed in to it from


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
    people = User.objects.in_bulk([int(pk) for acts in controlled.values() for pk in acts])
    judged = _judged_by_two(people.keys(), since) if people else {}
    found = []
    for admin, acts in controlled.items():
        for one, other in combinations(sorted(acts, key=int), 2):
            if pair := _pair(admin, acts, people.get(int(one)), people.get(int(other)), judged, days):
                found.append(pair)
    return sorted(found, key=lambda pair: (-pair.items, pair.admin))


def _controlled(since: datetime) -> dict[str, dict[str, list[datetime]]]:
    """The admins who could have signed in to two other accounts or more, by name, with their acts on each."""
    rows = Event.objects.filter(
        action__in=ACTS_OF_CONTROL, at__gte=since, target_kind="user", actor_kind="user"
    ).exclude(actor_id=F("target_id"))
    acts: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for name, account, at in rows.values_list("actor_name", "target_id", "at"):
        acts[name][account].append(at)
    return {name: accounts for name, accounts in acts.items() if len(accounts) > 1}


Judged = Mapping["UUID", dict[int, tuple[str, datetime]]]


def _judged_by_two(people: Iterable[int], since: datetime) -> Judged:
    """submission -> person -> (label, when) of pictures that at least two of these people judged, without calibration:
    there everybody gets the same picture, and no answer has an effect."""
    final = Decision.objects.final().filter(reviewer__in=people, decided_at__gte=since)
    final = final.exclude(item__reason=ReviewItem.Reason.GOLD)
    others = final.filter(submission=OuterRef("submission")).exclude(reviewer=OuterRef("reviewer"))
    judged: dict[UUID, dict[int, tuple[str, datetime]]] = defaultdict(dict)
    rows = final.filter(Exists(others)).order_by("pk")
    for submission, person, label, at in rows.values_list(
        "submission_id", "reviewer_id", "label", "decided_at"
    ):
        judged[submission][person] = (label, at)
    return judged


def _pair(
    admin: str, acts: Acts, one: User | None, other: User | None, judged: Judged, days: timedelta
) -> SharedControl | None:
    if one is None or other is None:
        return None
    labels = []
    for answers in judged.values():
        both = [(person, *answers[person.pk]) for person in (one, other) if person.pk in answers]
        if len(both) == 2 and all(
            any(act <= at < act + days for act in acts[str(person.pk)]) for person, _, at in both
        ):
            labels.append(both[0][1] == both[1][1])
    return SharedControl(admin, (one, other), len(labels), sum(labels)) if labels else None
