"""The demo's table: each sample, its five votes, the verdict or what a check found, and where it went."""

from collections.abc import Mapping, Sequence

from detection.voting import Verdict
from kyc_review.review.models import Decision
from kyc_review.scoring.check_words import troubles
from kyc_review.submissions.models import Result, State, Submission

# Where it is without a decision and without a result.
PLACES = {
    State.RECEIVED: "not scored yet",
    State.SCORING: "not scored yet",
    State.IN_REVIEW: "review queue",
    State.CANCELLED: "cancelled by the sender",
}
GAP = "  "
VOTES = 5
TITLES = ("selfie", "verdict", "went to")


def row(sample: str, submission: Submission, *, votes_shown: int = VOTES) -> list[str]:
    """Cells of one line, with dashes for votes that are missing."""
    scoring = getattr(submission, "scoring", None)
    votes = (
        [f"{v.probability:.2f}{'*' if v.is_fake else ' '}" for v in scoring.votes.all()] if scoring else []
    )
    verdict = Verdict(scoring.verdict).label if scoring else _no_verdict(submission)
    found = troubles(submission.checks.all())
    if found and (scoring is None or scoring.verdict == Verdict.CLEAR):
        verdict = found[0].words
    return [sample, *votes, *["-"] * (votes_shown - len(votes)), verdict, destination(submission)]


def destination(submission: Submission) -> str:
    """Where it is now, in words."""
    decision = Decision.objects.standing().filter(submission=submission).select_related("reviewer").last()
    if decision:
        return f"{decision.reviewer.username} said {decision.get_label_display().lower()}"
    if submission.result == Result.RESUBMIT:
        return "back to the applicant"
    if submission.state == State.COMPLETED:
        return "cleared"
    return PLACES[State(submission.state)]


def _no_verdict(submission: Submission) -> str:
    """`unscorable` only where scoring gave up; before that, and after it was cancelled, there is nothing to say."""
    return "unscorable" if submission.state in (State.IN_REVIEW, State.COMPLETED) else "-"


def header(submissions: Sequence[Submission]) -> list[str]:
    """Column titles, with the members' names as the bundle has them; of the verdict with the most votes, because one
    that somebody added in the database must not end the demo.
    """
    named = [[vote.member for vote in s.scoring.votes.all()] for s in submissions if hasattr(s, "scoring")]
    members = max(named, key=len, default=[])
    return [TITLES[0], *(members or ["vote"] * VOTES), *TITLES[1:]]


def lines_of(samples: Mapping[str, Submission]) -> list[str]:
    """The whole table: name of the sample -> its submission."""
    titles = header(list(samples.values()))
    votes = len(titles) - len(TITLES)
    return lines([titles, *(row(name, one, votes_shown=votes) for name, one in samples.items())])


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with aligned columns, the first underlined."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    ruled = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in ruled
    ]
