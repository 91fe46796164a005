"""What a reviewer's queue page tells of their own work: the day, the pace, and answers to what they escalated."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from kyc_review.accounts.models import User
from kyc_review.core.db.aggregates import Median
from kyc_review.core.permissions import may_decide, may_read_queue, may_see_all_reviewers
from kyc_review.review.blinding import outcome_seen_record
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.models.items import WAITING_STATES

ANSWERS_SHOWN = 5
ANSWERED_WITHIN = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OwnDay:
    """Decisions since midnight in the reader's zone; `median_ms` from claim to decision, None without any."""

    decisions: int
    median_ms: float | None


def own_day(*, viewer: User) -> OwnDay | None:
    """None for people who do not decide."""
    if not may_decide(viewer):
        return None
    rows = Decision.objects.standing().filter(reviewer=viewer, corrects=None, decided_at__gte=midnight())
    found = rows.aggregate(decisions=Count("pk"), median_ms=Median("handling_ms"))
    return OwnDay(found["decisions"], found["median_ms"])


def midnight() -> dt.datetime:
    """When today began, in the active zone."""
    today = timezone.localdate()
    return timezone.make_aware(dt.datetime.combine(today, dt.time.min))


@dataclass(frozen=True, slots=True)
class Questions:
    """What the viewer escalated: how many items still wait, and the latest answers."""

    waiting: int
    answers: list[Decision]


def own_questions(*, viewer: User) -> Questions:
    """Answers of the last week. Who reads one knows the outcome, and is not asked to review that face later.

    No answer is shown while somebody must still judge the face blind: the viewer may be that person.
    """
    if not may_decide(viewer):
        return Questions(0, [])
    mine = ReviewItem.objects.filter(escalated_by=viewer, is_escalated=True)
    since = Now() - ANSWERED_WITHIN
    number = mine.aggregate(
        waiting=Count("pk", filter=Q(state__in=WAITING_STATES)),
        decided=Count("pk", filter=Q(decided_at__gte=since)),
    )
    if not number["decided"]:
        return Questions(number["waiting"], [])
    pending = ReviewItem.objects.exclude(state=ReviewItem.State.DECIDED).filter(
        submission=OuterRef("submission")
    )
    answered = (
        Decision.objects.final()
        .filter(~Exists(pending), item__in=mine, item__decided_at__gte=since, corrects=None)
        .filter(submission__erased_at=None)
        .exclude(reviewer=viewer)
        .select_related("reviewer", "item", "submission")
        .order_by("-decided_at")
    )
    answers = list(answered[:ANSWERS_SHOWN])
    for answer in answers:
        outcome_seen_record(submission=answer.submission, viewer=viewer)
    return Questions(number["waiting"], answers)


@dataclass(frozen=True, slots=True)
class Workload:
    """One person's share: the item they hold, what was offered to them, and their day."""

    person: User
    held_item: int | None
    offered: int
    decisions: int
    median_ms: float | None


def workloads(*, viewer: User) -> list[Workload]:
    """Everybody who decides and has work now or had some today; nothing for people who see only their own figures."""
    if not (may_read_queue(viewer) and may_see_all_reviewers(viewer)):
        return []
    held = ReviewItem.objects.filter(state=ReviewItem.State.CLAIMED, claim_expires_at__gt=Now())
    holders = dict(held.values_list("claimed_by", "pk"))
    # Whether or not its time is over, as in the list: `release.offer`.
    offers = ReviewItem.objects.filter(
        state=ReviewItem.State.OPEN, reserved_for__isnull=False, is_reserved_ahead=False
    )
    offered = dict(offers.values_list("reserved_for").annotate(number=Count("pk")))
    rows = Decision.objects.standing().filter(corrects=None, decided_at__gte=midnight())
    days = {
        person: (number, median)
        for person, number, median in rows.values_list("reviewer").annotate(
            number=Count("pk"), median=Median("handling_ms")
        )
    }
    people = _people({*holders, *offered, *days})
    return [
        Workload(person, holders.get(person.pk), offered.get(person.pk, 0), *days.get(person.pk, (0, None)))
        for person in people
    ]


def _people(keys: set[int | None]) -> list[User]:
    return list(User.objects.filter(pk__in=[key for key in keys if key is not None]).order_by("username"))
