"""What the shadow bundle says of submissions that the champion has judged, and how the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from detection.voting import Verdict, Vote, decide, risk
from kyc_review.core.permissions import may_see_retraining
from kyc_review.registry.models import Shadow, ShadowScore
from kyc_review.registry.shadows import shadow_end
from kyc_review.scoring.models import Scoring
from kyc_review.submissions.models import Result, Submission

if TYPE_CHECKING:
    from kyc_review.accounts.models import User


FAILURES_MAX = 3


CLEAR = Q(scoring_verdict=Verdict.CLEAR)


SHADOW_CLEAR = Q(verdict=Verdict.CLEAR)


def shadow_batch(shadow: Shadow, *, limit: int) -> list[Submission]:
    """Up to `limit` submissions that the champion judged since and the shadow did not, the oldest first.

    The attempt is counted here, before the work; none when it failed too often, which ends it.
    """
    judged = ShadowScore.objects.filter(shadow=shadow, submission=OuterRef("submission"))
    rows = (
        Scoring.objects.filter(
            ~Exists(judged),
            scored_at__gte=shadow.started_at,
            submission__is_test=False,
            submission__is_planted=False,
            submission__erased_at=None,
        )
        .select_related("submission")
        .order_by("scored_at")[:limit]
    )
    found = [row.submission for row in rows]
    if not found:
        return []
    if shadow.failures >= FAILURES_MAX:
        shadow_end(
            shadow=shadow,
            actor=None,
            remark=f"It failed {shadow.failures} times in a row; the worker's log says how.",
        )
        return []
    Shadow.objects.filter(pk=shadow.pk).update(failures=F("failures") + 1)
    return found


@transaction.atomic
def shadow_record(shadow: Shadow, votes: Mapping[UUID, Sequence[Vote] | None]) -> None:
    """Keep what it said of each; None for what it could not read."""
    ShadowScore.objects.bulk_create(
        (
            ShadowScore(
                shadow=shadow,
                submission_id=pk,
                verdict=decide(said).value if said else "",
                risk=risk(said) if said else 0.0,
            )
            for pk, said in votes.items()
        ),
        ignore_conflicts=True,
    )
    Shadow.objects.filter(pk=shadow.pk).update(failures=0)


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """Of `scored` submissions, what only one of the two would have sent to people, and what became of it.

    `shadow_fake`: flagged by the shadow alone and found fake; `champion_fake`: flagged by the champion alone and fake.
    """

    scored: int
    both: int
    neither: int
    shadow_only: int
    shadow_fake: int
    champion_only: int
    champion_fake: int
    unread: int

    @property
    def shadow_load(self) -> int:
        return self.both + self.shadow_only

    @property
    def champion_load(self) -> int:
        return self.both + self.champion_only


def shadow_comparison(*, viewer: User, shadow: Shadow) -> ShadowComparison:
    """The counts; zeros for those who may not see retraining."""
    rows = _compared(viewer, shadow)
    fake = Q(submission__result=Result.REJECTED)
    return ShadowComparison(
        **rows.aggregate(
            scored=Count("pk", filter=~Q(verdict="")),
            unread=Count("pk", filter=Q(verdict="")),
            both=Count("pk", filter=~Q(verdict="") & ~CLEAR & ~SHADOW_CLEAR),
            neither=Count("pk", filter=CLEAR & SHADOW_CLEAR),
            shadow_only=Count("pk", filter=_shadow_only()),
            shadow_fake=Count("pk", filter=_shadow_only() & fake),
            champion_only=Count("pk", filter=_champion_only()),
            champion_fake=Count("pk", filter=_champion_only() & fake),
        )
    )


def disagreements(*, viewer: User, shadow: Shadow) -> QuerySet[ShadowScore]:
    """What the two would have sent different ways, the newest first; each has its `scoring_verdict`."""
    rows = _compared(viewer, shadow).filter(_shadow_only() | _champion_only())
    return rows.select_related("submission__scoring").order_by("-pk")


def _shadow_only() -> Q:
    return CLEAR & ~SHADOW_CLEAR & ~Q(verdict="")


def _champion_only() -> Q:
    return ~CLEAR & SHADOW_CLEAR


def _compared(viewer: User, shadow: Shadow) -> QuerySet[ShadowScore]:
    rows = ShadowScore.objects.filter(shadow=shadow).annotate(
        scoring_verdict=F("submission__scoring__verdict")
    )
    return rows if may_see_retraining(viewer) else rows.none()
