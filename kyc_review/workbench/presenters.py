"""Votes and checks as the pages show them, without a rule of the business."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_lazy, ngettext_lazy

from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.check_words import check_lines
from kyc_review.scoring.selectors import causes_first, checks_for_person

if TYPE_CHECKING:
    from kyc_review.scoring.models import Vote

STACK = "stack"
_OBSTACLES = set(Decision.Obstacle.values)


# What the page says before the first person decides, by the answers that one person may not give alone.
_REAL, _FAKE = Decision.Label.REAL.value, Decision.Label.FAKE.value
TWO_PEOPLE = {
    frozenset({_REAL}): gettext_lazy("Real needs two people to clear this picture."),
    frozenset({_FAKE}): gettext_lazy("Fake needs two people to reject this picture."),
    frozenset({_REAL, _FAKE}): gettext_lazy("Real and fake need two people here."),
    frozenset(Decision.Label.values): gettext_lazy("A second person reviews this one, too."),
}
# After such an answer; also true for the second person, who must not learn that they are.
ANOTHER_JUDGES = gettext_lazy("Another person judges it, too, before it counts.")


@dataclass(frozen=True, slots=True)
class VoteLine:
    """One vote under a name that people understand; `member` is the name in the bundle."""

    name: str
    member: str
    probability: float
    threshold: float
    is_fake: bool


@dataclass(frozen=True, slots=True)
class VotePanel:
    """The members' votes and, apart from them, their combination, which is derived from them."""

    members: tuple[VoteLine, ...]
    combination: VoteLine | None
    bundle: str

    @property
    def headline(self) -> str:
        """How many models say what, without counting the combination as one of them."""
        fakes, total = sum(vote.is_fake for vote in self.members), len(self.members)
        combined = None if self.combination is None else self.combination.is_fake
        return HEADLINES[bool(fakes), combined] % {"count": fakes or total, "total": total}


# Whether a model says fake, and whether their combination does (None without one). English says "model" in the plural
# and the verb by the count.
HEADLINES = {
    (True, None): ngettext_lazy(
        "%(count)s of %(total)s models says fake", "%(count)s of %(total)s models say fake", "count"
    ),
    (False, None): ngettext_lazy(
        "%(count)s of %(total)s models says real", "%(count)s of %(total)s models say real", "count"
    ),
    (True, True): gettext_lazy("%(count)s of %(total)s models and their combination say fake"),
    (False, False): gettext_lazy("%(count)s of %(total)s models and their combination say real"),
    (True, False): ngettext_lazy(
        "%(count)s of %(total)s models says fake; their combination says real",
        "%(count)s of %(total)s models say fake; their combination says real",
        "count",
    ),
    (False, True): ngettext_lazy(
        "%(count)s of %(total)s models says real; their combination says fake",
        "%(count)s of %(total)s models say real; their combination says fake",
        "count",
    ),
}


def vote_panel(item: ReviewItem) -> VotePanel | None:
    """The votes in the ensemble's order; None for what could not be scored."""
    scoring = getattr(item.submission, "scoring", None)
    if scoring is None:
        return None
    votes = list(scoring.votes.all())
    members = [vote for vote in votes if vote.member != STACK]
    return VotePanel(
        members=tuple(
            _line(vote, gettext("Model %(number)s") % {"number": number})
            for number, vote in enumerate(members, start=1)
        ),
        combination=next(
            (_line(vote, gettext("Combination")) for vote in votes if vote.member == STACK), None
        ),
        bundle=scoring.bundle_version,
    )


def _line(vote: Vote, name: str) -> VoteLine:
    return VoteLine(name, vote.member, vote.probability, vote.threshold, vote.is_fake)


def suggested_obstacle(item: ReviewItem) -> str:
    """Why the picture cannot be assessed, if a check says so: chosen beforehand when a reviewer says that it cannot.

    A failed check before a doubtful one, and the cause before what it led to. Empty without such a check.
    """
    found = causes_first(row for row in item.submission.checks.all() if row.code in _OBSTACLES)
    return found[0].code if found else ""


def name_checks(items: Iterable[ReviewItem]) -> None:
    """Gives rows of the queue whose shown reason is a check `check_line`: the check that explains it best.

    Items that are blind to the viewer get none. One query, and none without such items.
    """
    named = [
        item
        for item in items
        if item.shown_reason == ReviewItem.Reason.CHECKS and not item.is_blinded  # type: ignore[attr-defined]
    ]
    checks = checks_for_person(item.submission_id for item in named) if named else {}
    for item in named:
        lines = check_lines(checks.get(item.submission_id, [])[:1])
        item.check_line = lines[0] if lines else None  # type: ignore[attr-defined]
