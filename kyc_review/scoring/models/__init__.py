"""Verdicts, votes and checks, which are written once; workers; counts."""

from .counts import ResultCount, ResultCountMark, ResultTouch, ScoringCount, ScoringCountMark
from .verdicts import Canary, CheckResult, Scoring, ScoringWorker, Vote

__all__ = [
    "Canary",
    "CheckResult",
    "ResultCount",
    "ResultCountMark",
    "ResultTouch",
    "Scoring",
    "ScoringCount",
    "ScoringCountMark",
    "ScoringWorker",
    "Vote",
]
