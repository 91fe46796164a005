"""The votes as the focus page shows them, without a rule of the business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detection.checks import CheckStatus
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.submissions.check_policy import TOLD_FIRST

if TYPE_CHECKING:
    from kyc_review.scoring.models import Vote

STACK = "stack"
_OBSTACLES = set(Decision.Obstacle.values)


@dataclass(frozen=True, slots=True)
class VotePanel:
    """The four members' votes and, apart from them, the one that is derived from them."""

    members: tuple[Vote, ...]
    stack: Vote | None
    bundle: str

    @property
    def votes(self) -> tuple[Vote, ...]:
        return self.members + ((self.stack,) if self.stack else ())

    @property
    def fake_count(self) -> int:
        return sum(vote.is_fake for vote in self.votes)


def vote_panel(item: ReviewItem) -> VotePanel | None:
    """The five votes in the ensemble's order; None for what could not be scored."""
    scoring = getattr(item.submission, "scoring", None)
    if scoring is None:
        return None
    votes = list(scoring.votes.all())
    return VotePanel(
        members=tuple(vote for vote in votes if vote.member != STACK),
        stack=next((vote for vote in votes if vote.member == STACK), None),
        bundle=scoring.bundle_version,
    )


def suggested_obstacle(item: ReviewItem) -> str:
    """Why the picture cannot be assessed, if a check says so: chosen beforehand when a reviewer says that it cannot.

    A failed check before a doubtful one, and the cause before what it led to. Empty without such a check.
    """
    told = {name.value: place for place, name in reversed(list(enumerate(TOLD_FIRST)))}
    found = [row for row in item.submission.checks.all() if row.code in _OBSTACLES]
    found.sort(key=lambda row: (row.status != CheckStatus.FAIL.value, told[row.name]))
    return found[0].code if found else ""
