"""When a person would do well to pause: their pace, or the share of known answers that they find, has changed.

Only they are told. Answers to calibration items and planted forgeries count from the next day on, as in quality.py, so
that no number says which face of today was one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from estimation.intervals import Rate
from kyc_review.core.permissions import may_decide
from kyc_review.review.known_answers import day_of
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.quality import RECENT_DECISIONS, Pace

if TYPE_CHECKING:
    from kyc_review.accounts.models import User

DECISIONS_READ = 300  # of the person, the latest: their usual pace of these days
KNOWN_RECENT, KNOWN_BEFORE_MIN, KNOWN_READ = 10, 20, 200


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """How many known answers a person found: of the latest KNOWN_RECENT, and of those before."""

    recent: Rate
    before: Rate

    @property
    def has_dropped(self) -> bool:
        """Whether the latest share is below the earlier one by more than chance: both intervals leave the other out."""
        if self.recent.total < KNOWN_RECENT or self.before.total < KNOWN_BEFORE_MIN:
            return False
        return self.recent.interval[1] < self.before.right / self.before.total and (
            self.recent.right / self.recent.total < self.before.interval[0]
        )


@dataclass(frozen=True, slots=True)
class BreakReasons:
    """What speaks for a pause; `known_answers` changes from day to day only."""

    pace: Pace
    known_answers: KnownAnswers


def break_reasons(*, viewer: User) -> BreakReasons | None:
    """The viewer's own figures; None for those who do not decide."""
    if not may_decide(viewer):
        return None
    decided = Decision.objects.filter(reviewer=viewer, corrects=None).order_by("-pk")
    times = list(decided.values_list("handling_ms", flat=True)[: RECENT_DECISIONS + DECISIONS_READ])
    return BreakReasons(Pace.of(times), _known_answers(viewer))


def _known_answers(viewer: User) -> KnownAnswers:
    is_gold = Q(item__reason=ReviewItem.Reason.GOLD, submission__gold__isnull=False)
    rows = (
        Decision.objects.final()
        .filter(
            is_gold | Q(submission__is_planted=True), reviewer=viewer, corrects=None, decided_at__lt=day_of()
        )
        .order_by("-pk")
        .values_list("label", "submission__is_planted", "submission__gold__label")[:KNOWN_READ]
    )
    found = [label == (Decision.Label.FAKE if is_planted else truth) for label, is_planted, truth in rows]
    recent, before = found[:KNOWN_RECENT], found[KNOWN_RECENT:]
    return KnownAnswers(Rate(sum(recent), len(recent)), Rate(sum(before), len(before)))
