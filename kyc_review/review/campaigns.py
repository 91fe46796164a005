"""Campaigns: one picture under several applicants. Seniors see them as groups and may decide a group at once.

A group is what likenesses connect (evidence/near_duplicates.py). A submission that anybody still has to judge blind is
no member until then: what came of its twins would answer it. Every decision on a group is an ordinary one: claimed,
recorded, undone and reviewed by a second person like any other.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext, gettext_lazy

from kyc_review.audit import services as audit
from kyc_review.core.disjoint_sets import DisjointSets
from kyc_review.core.errors import DomainError
from kyc_review.core.permissions import Right, may_oversee, require
from kyc_review.evidence.models import Likeness
from kyc_review.submissions.models import Result, Submission

from . import statements
from .blinding import copy_waits_blind, outcomes_seen_record
from .claims import ClaimLost, claim_lease, held_by, items_for
from .corrections import CorrectionState, correction_state, decision_correct
from .decisions import decision_record
from .models import CampaignLook, ReviewItem

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

RECENT = dt.timedelta(days=90)
PAIRS_READ = 50_000
GROUPS_SHOWN = 50
MEMBERS_MAX = 200
STEPS_MAX = 8  # from one picture to the next, so that a chain of ever different pictures ends
UNSEEN = gettext_lazy(
    "Look at every picture that you decide. Chosen pictures that you have not seen yet: {}."
)
NOT_SENT = gettext_lazy(
    "Nothing was recorded: this picture was not sent to you. Reload the page, then look at it."
)
SEEN_FOR = dt.timedelta(hours=12)


class CampaignRefused(DomainError):
    """The group cannot be decided now; nothing was recorded. `detail` says why."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Members by time of arrival, of at least two applicants; the first one names the group."""

    members: tuple[Submission, ...]

    @property
    def key(self) -> UUID:
        return self.members[0].pk

    @property
    def first_at(self) -> dt.datetime:
        return self.members[0].received_at

    @property
    def last_at(self) -> dt.datetime:
        return self.members[-1].received_at

    @property
    def applicants(self) -> int:
        return len(_applicants(self.members))

    @property
    def verdicts(self) -> dict[str, int]:
        """How many members have each result; "" for those without one."""
        counts: dict[str, int] = defaultdict(int)
        for row in self.members:
            counts[row.result] += 1
        return dict(counts)

    @property
    def hides_results(self) -> bool:
        """Whether a copy of its pictures must still be judged blind: a list does not tell its results until then."""
        return any(row.copy_waits for row in self.members)  # type: ignore[attr-defined]

    @property
    def has_conflict(self) -> bool:
        return {Result.CLEAR.value, Result.REJECTED.value} <= self.verdicts.keys()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What deciding the group did to one member; `refusal` says why nothing was recorded, and `waits` that it is a
    correction which takes effect once a second person agrees.
    """

    submission: Submission
    refusal: str = ""
    waits: bool = False


def campaigns(*, viewer: User) -> list[Campaign]:
    """Groups with a picture of the last 90 days, the largest first. Empty for people who do not oversee."""
    if not may_oversee(viewer):
        return []
    pairs = Likeness.objects.filter(submission__received_at__gte=Now() - RECENT).order_by("-pk")
    edges = list(pairs.values_list("submission_id", "earlier_id")[:PAIRS_READ])
    keys = list(dict.fromkeys(key for edge in edges for key in edge))
    place = {key: number for number, key in enumerate(keys)}
    sets = DisjointSets(list(range(len(keys))))
    for one, other in edges:
        sets.join(place[one], place[other])
    groups: dict[int, list[Submission]] = defaultdict(list)
    for row in _shown().filter(pk__in=keys).order_by("received_at", "pk"):
        groups[sets.find(place[row.pk])].append(row)
    found = [Campaign(tuple(rows)) for rows in groups.values() if len(_applicants(rows)) > 1]
    found.sort(key=lambda group: (-len(group.members), -group.last_at.timestamp()))
    return found[:GROUPS_SHOWN]


def campaign_of(*, viewer: User, submission_id: UUID) -> Campaign | None:
    """The group of this submission; None when it has none, or the viewer may not see it."""
    if not may_oversee(viewer):
        return None
    known, latest = {submission_id}, {submission_id}
    for _ in range(STEPS_MAX):
        pairs = Likeness.objects.filter(Q(submission__in=latest) | Q(earlier__in=latest))
        reached = {key for pair in pairs.values_list("submission_id", "earlier_id") for key in pair}
        latest = reached - known
        if not latest or len(known) >= MEMBERS_MAX:
            break
        known |= latest
    rows = list(_shown().filter(pk__in=known).order_by("received_at", "pk")[:MEMBERS_MAX])
    is_member = any(row.pk == submission_id for row in rows)
    return Campaign(tuple(rows)) if is_member and len(_applicants(rows)) > 1 else None


def campaign_left(*, members: Collection[UUID], viewer: User) -> Campaign | None:
    """The group of these as it is now: members that must be judged blind since then are gone, perhaps the first one,
    too."""
    keys = list(members)
    first = _shown().filter(pk__in=keys).order_by("received_at", "pk").first()
    return campaign_of(viewer=viewer, submission_id=first.pk) if first else None


@dataclass(frozen=True, slots=True)
class Member:
    """A member with its latest item that was no calibration item: the number of one would say when it was that."""

    submission: Submission
    item_id: int | None


def members(campaign: Campaign) -> list[Member]:
    """In the order of arrival, in one query."""
    items: dict[UUID, ReviewItem] = {}
    rows = ReviewItem.objects.filter(submission__in=campaign.members)
    for item in rows.exclude(reason=ReviewItem.Reason.GOLD).order_by("pk"):
        items[item.submission_id] = item
    return [
        Member(
            submission=row,
            item_id=items[row.pk].pk if row.pk in items else None,
        )
        for row in campaign.members
    ]


def campaign_seen(*, campaign: Campaign, viewer: User) -> None:
    """The viewer reads the members' outcomes, so they are not asked to judge these faces blind later."""
    outcomes_seen_record(submissions=campaign.members, viewer=viewer)


def picture_sent(*, campaign: Campaign, submission: Submission, viewer: User, size: str) -> None:
    """The member's picture goes to the viewer's browser."""
    detail = {"campaign": str(campaign.key), "size": size}
    audit.record(action="submission.looked_at", actor=viewer, target=submission, detail=detail)
    CampaignLook.objects.update_or_create(submission=submission, person=viewer, defaults={"sent_at": Now()})


def look_record(*, submission: Submission, viewer: User) -> None:
    """The member's picture was in the viewer's view; without that, they cannot decide it in a group.

    Raises CampaignRefused when it was not sent to them in the last hours: a report alone is no look.
    """
    sent = CampaignLook.objects.filter(submission=submission, person=viewer, sent_at__gte=Now() - SEEN_FOR)
    if not sent.update(looked_at=Now()):
        raise CampaignRefused(NOT_SENT)


def looked_at(*, viewer: User, rows: Iterable[Submission]) -> set[UUID]:
    """Those of the members whose pictures the viewer had in view in the last hours."""
    looks = CampaignLook.objects.filter(person=viewer, submission__in=[row.pk for row in rows])
    return set(looks.filter(looked_at__gte=Now() - SEEN_FOR).values_list("submission_id", flat=True))


def campaign_decide(
    *, campaign: Campaign, chosen: Collection[UUID], senior: User, label: str, **said: Any
) -> list[Outcome]:
    """Give every chosen member the same answer; each in a transaction of its own, as if it were the only one.

    `said` as in decision_record. Open items are claimed and decided, decided ones corrected. Raises PermissionDenied;
    CampaignRefused when a picture was not looked at, or the senior holds an item; ValueError.
    """
    require(senior, Right.OVERSEE)
    require(senior, Right.DECIDE)
    rows = [row for row in campaign.members if row.pk in chosen]
    if not rows:
        raise CampaignRefused(gettext("Choose at least one picture."))
    unseen = len({row.pk for row in rows} - looked_at(viewer=senior, rows=rows))
    if unseen:
        raise CampaignRefused(UNSEEN.format(unseen))
    if held_by(senior.pk).exists():
        raise CampaignRefused(
            gettext("You hold an item. Decide it, or put it back, before you decide a group.")
        )
    audit.record(
        action="campaign.decided",
        actor=senior,
        target=campaign.members[0],
        detail={"label": label, "members": [str(row.pk) for row in rows]},
    )
    gone = Submission.objects.filter(pk__in=set(chosen) - {row.pk for row in rows})
    left_alone = [Outcome(row, gettext("It has left the group meanwhile.")) for row in gone]
    return [_decide(row, senior, label, said) for row in rows] + left_alone


def _decide(row: Submission, senior: User, label: str, said: dict[str, Any]) -> Outcome:
    try:
        with transaction.atomic():
            waits = _decide_one(row, senior, label, said)
    except (ClaimLost, CampaignRefused) as refused:
        return Outcome(row, refused.detail)
    return Outcome(row, waits=waits)


def _decide_one(row: Submission, senior: User, label: str, said: dict[str, Any]) -> bool:
    """Whether it is a correction that waits for a second person. Raises ClaimLost, CampaignRefused."""
    waiting = row.review_items.exclude(state=ReviewItem.State.DECIDED).first()
    if waiting is None:
        decided = row.review_items.exclude(reason=ReviewItem.Reason.GOLD).order_by("pk").last()
        if decided is None or not decided.decisions.exists():
            raise CampaignRefused(gettext("No person has decided it, and it waits for none."))
        made = decision_correct(
            item_id=decided.pk, corrector=senior, label=label, answer_must_change=True, **said
        )
        return correction_state(made) == CorrectionState.WAITS
    free = items_for(senior.pk, is_senior=True, include_skipped=True).filter(pk=waiting.pk, is_blind=False)
    item = free.select_for_update(of=("self",), skip_locked=True).first()
    if item is None:
        raise CampaignRefused(
            gettext("Somebody holds it, it waits for somebody else, or you judged it before.")
        )
    statements.claim_item(item=item.pk, person=senior.pk, lease=claim_lease())
    audit.record(action="item.claimed", actor=senior, target=item)
    decision_record(item_id=item.pk, reviewer=senior, label=label, **said)
    return False


def _shown() -> QuerySet[Submission]:
    """Live submissions that are not to be judged blind by anybody now."""
    blind = ReviewItem.objects.filter(submission=OuterRef("pk"), is_blind=True)
    pending = blind.exclude(state=ReviewItem.State.DECIDED)
    gold = ReviewItem.objects.filter(submission=OuterRef("pk"), reason=ReviewItem.Reason.GOLD)
    gold = gold.exclude(state=ReviewItem.State.DECIDED)
    rows = Submission.objects.filter(~Exists(pending), ~Exists(gold), is_test=False, erased_at=None)
    copy_waits = ExpressionWrapper(copy_waits_blind(submission=OuterRef("pk")), output_field=BooleanField())
    return rows.annotate(copy_waits=copy_waits)


def _applicants(rows: Iterable[Submission]) -> set[tuple[int, str]]:
    """The known applicants among them."""
    return {(row.integration_id, row.applicant_ref) for row in rows if row.applicant_ref}
